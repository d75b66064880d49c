"""Participants: arms, groups, covariates and the terms they bring to the models."""
