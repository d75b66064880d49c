"""Checks before an image is read: spaces, regions, confounds, preregistration."""
