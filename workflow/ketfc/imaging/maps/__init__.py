"""Seed-to-voxel maps of a run, from the one read of its image."""
