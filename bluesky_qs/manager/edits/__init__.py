"""How a change of the queue gets to the store, and how it can be undone."""
