"""Influence of single participants and sites on the primary results, and their stability."""
