"""The configuration, a module per section: keys, types, defaults and messages."""
