"""Denoising: confounds, censoring, motion and the operator they make."""
