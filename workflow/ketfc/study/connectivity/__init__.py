"""Connectivity that was computed elsewhere: read, checked and put on one scale."""
