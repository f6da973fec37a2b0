"""Messages between the processes of the service, and the links that carry them."""
