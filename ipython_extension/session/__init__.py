"""One user's session: the client, known names, positions last shown, waits, refusals."""
