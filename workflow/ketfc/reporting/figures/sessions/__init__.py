"""Figures over all sessions of a study."""
