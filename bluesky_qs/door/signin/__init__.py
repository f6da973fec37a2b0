"""Access to the door: providers, keys, sessions, roles."""
