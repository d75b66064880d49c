"""Edge-wise tests and mean matrices."""
