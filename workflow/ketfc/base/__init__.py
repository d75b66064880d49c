"""What every room stands on: errors, files, logs, versions, YAML."""
