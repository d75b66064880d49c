"""From a design to its tests: samples, models and their evidence."""
