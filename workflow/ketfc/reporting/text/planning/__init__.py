"""Words on a study that is planned."""
