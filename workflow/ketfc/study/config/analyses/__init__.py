"""Analyses of the section `statistics` that are made only where they are asked for."""
