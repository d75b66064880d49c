"""Sentences, captions and tables on group maps."""
