"""Sections of the config that plan a study which is still to come."""
