"""The handlers of the 0MQ methods, in the same groups as `bluesky_qs.api`."""

from bluesky_qs.manager.requests.handlers import (
    devices,
    dry_runs,
    engine,
    environment,
    estimates,
    history,
    items,
    locking,
    permissions,
    queue,
    service,
    tasks,
)

__all__ = [
    "devices",
    "dry_runs",
    "engine",
    "environment",
    "estimates",
    "history",
    "items",
    "locking",
    "permissions",
    "queue",
    "service",
    "tasks",
]
