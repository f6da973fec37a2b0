"""Stores changes of the queue, and undoes them."""
