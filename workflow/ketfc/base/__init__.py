"""Foundations of every room: errors, files, logs, versions, YAML."""
