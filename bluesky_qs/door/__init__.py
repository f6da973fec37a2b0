"""The HTTP door: a server of its own process, and a client of the service like any other."""
