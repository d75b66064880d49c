"""Reliability of the circuits, from the study's own repeated measurements."""
