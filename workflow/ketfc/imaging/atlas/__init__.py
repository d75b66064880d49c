"""Parcellations: catalogue, files, labels, templates."""
