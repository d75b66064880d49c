"""What may leave the lab: results without participants, and what was removed to make them so."""
