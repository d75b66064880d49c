"""Clinical scores: files, reading, checks, instruments and response."""
