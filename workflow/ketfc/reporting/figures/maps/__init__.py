"""Pictures of group maps."""
