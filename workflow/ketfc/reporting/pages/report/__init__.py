"""The report: its page, and the parts that only it has."""
