"""Settings: their schema, and where each one comes from."""
