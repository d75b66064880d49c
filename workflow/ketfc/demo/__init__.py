"""The simulated study: participants, anatomy, signals and files with a planted truth."""
