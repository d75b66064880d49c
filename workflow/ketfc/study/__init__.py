"""The study: configuration, runs, scores, participants, design and plan."""
