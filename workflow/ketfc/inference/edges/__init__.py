"""Every edge of a parcellation."""
