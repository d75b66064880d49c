"""The primary hypotheses by other methods."""
