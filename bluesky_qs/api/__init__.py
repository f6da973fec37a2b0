"""The contract: every 0MQ method as a typed stub. Imports nothing but msgspec."""

from bluesky_qs.api import devices, engine, environment, history, locking, permissions, queue, service, tasks
from bluesky_qs.api.method import METHODS, Lock, Method, method

__all__ = [
    "METHODS",
    "Lock",
    "Method",
    "devices",
    "engine",
    "environment",
    "history",
    "locking",
    "method",
    "permissions",
    "queue",
    "service",
    "tasks",
]
