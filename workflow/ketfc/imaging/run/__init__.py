"""One BOLD run, from a read to connectivity and quality."""
