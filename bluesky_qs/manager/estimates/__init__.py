"""Estimates how long the queue will take, and runs dry runs."""
