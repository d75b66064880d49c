"""Regions: the registry, their definitions, and their voxels on a grid."""
