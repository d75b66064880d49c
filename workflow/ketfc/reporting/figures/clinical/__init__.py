"""Figures of the scores."""
