"""Circuits among matched pairs of spheres."""
