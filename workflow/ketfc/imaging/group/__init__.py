"""Tables of all runs: sessions, quality, similarity, exclusions."""
