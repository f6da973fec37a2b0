"""The public sockets: their encodings, addresses, keys and topics."""
