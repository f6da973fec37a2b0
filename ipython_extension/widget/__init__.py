"""The view of a service in a notebook: the still that the notebook keeps, and the kernel's side of the live view."""
