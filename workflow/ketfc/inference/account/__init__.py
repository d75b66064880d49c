"""Exclusions, their reconciliation with the tables, and the flow of participants."""
