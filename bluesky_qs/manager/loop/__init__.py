"""Tools for the event loop of the manager."""
