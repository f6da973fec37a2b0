"""The asyncio client: ``from bluesky_qs.aio import REManagerAPI``."""

from bluesky_qs.client.aio import REManagerAPI
from bluesky_qs.client.items import BFunc, BInst, BItem, BPlan
from bluesky_qs.client.wait import WaitMonitor

__all__ = ["BFunc", "BInst", "BItem", "BPlan", "REManagerAPI", "WaitMonitor"]
