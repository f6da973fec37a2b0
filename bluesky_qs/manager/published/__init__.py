"""The state of the service as clients see it, and its publication."""
