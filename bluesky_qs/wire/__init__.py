"""The public sockets: encodings, addresses, keys, topics."""
