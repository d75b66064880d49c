"""Figures, each drawn from the tables it is given."""
