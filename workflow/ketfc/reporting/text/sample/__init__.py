"""Words on who was scanned, and how."""
