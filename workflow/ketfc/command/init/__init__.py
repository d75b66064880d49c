"""A config to begin with, written from what a study's folders and tables hold."""
