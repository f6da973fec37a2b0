"""The handlers of the 0MQ methods, grouped as the contract is."""

from bluesky_qs.manager.handlers import engine, environment, history, items, locking, permissions, queue, service, tasks

__all__ = ["engine", "environment", "history", "items", "locking", "permissions", "queue", "service", "tasks"]
