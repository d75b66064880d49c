"""Figures of a study that is planned."""
