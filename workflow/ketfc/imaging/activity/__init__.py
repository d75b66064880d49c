"""Activity of a run: ALFF, fALFF and ReHo, voxel by voxel and region by region."""
