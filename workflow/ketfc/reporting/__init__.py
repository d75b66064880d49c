"""From evidence to paper: figures, tables, methods in words, report."""
