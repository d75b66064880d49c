"""Connectivity harmonised between sites, to hold beside the primary tests."""
