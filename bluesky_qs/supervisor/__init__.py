"""The supervisor process: it starts the manager, the workers and the HTTP door, and owns their output."""
