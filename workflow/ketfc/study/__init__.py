"""What was measured: configuration, runs, scores, design and the demo study."""
