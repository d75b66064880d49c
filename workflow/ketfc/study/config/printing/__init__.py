"""Section `figures` of the config, and the journals that it knows."""
