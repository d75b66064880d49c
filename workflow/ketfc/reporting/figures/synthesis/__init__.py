"""Figures of several studies."""
