"""The design of a study and what its tests estimate."""
