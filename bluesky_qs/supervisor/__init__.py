"""The watchdog process: it starts the manager and the workers, and owns what they print."""
