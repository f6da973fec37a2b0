"""The HTTP door: a server in a separate process, which is a client of the service like any other."""
