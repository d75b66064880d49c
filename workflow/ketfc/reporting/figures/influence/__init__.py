"""Figures of how far results lean on single participants, on sites, and on who came back."""
