"""Figures of how far a primary result leans on something."""
