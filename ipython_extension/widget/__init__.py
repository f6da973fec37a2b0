"""The view of a service in a notebook: a still that the notebook keeps, and what the live view in a browser needs."""
