"""One user's session: the client, the known names, the last table, waits and refusals."""
