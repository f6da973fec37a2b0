"""Tools for the manager's event loop."""
