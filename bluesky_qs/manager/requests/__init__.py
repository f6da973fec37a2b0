"""How a request is answered, from the socket to its handler."""
