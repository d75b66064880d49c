"""Words on effects on the scores."""
