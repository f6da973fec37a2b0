"""What goes over the public sockets: encodings, addresses, keys, topics."""
