"""The supervisor process: it starts the manager and the workers, and owns their output."""
