"""Words on exports and syntheses."""
