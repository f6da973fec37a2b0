"""One user's session: the client, known names, the positions shown last, waits, refusals."""
