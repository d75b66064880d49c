"""Results without participants, which may leave the lab, and a list of everything removed."""
