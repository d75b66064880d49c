"""Specification curves: every primary hypothesis under every defensible choice of analysis."""
