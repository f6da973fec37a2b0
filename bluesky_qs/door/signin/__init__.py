"""Who may use the door: providers, keys, sessions, roles."""
