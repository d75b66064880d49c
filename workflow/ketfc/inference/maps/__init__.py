"""Group maps: every voxel put to the tests of the primary hypotheses."""
