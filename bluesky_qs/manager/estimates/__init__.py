"""How long the queue will take, and dry runs."""
