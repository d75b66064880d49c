"""Prediction of the outcome from connectivity before treatment, beside a clinical model."""
