"""The HTTP client for asyncio: ``from bluesky_qs.http.aio import REManagerAPI``."""

from bluesky_qs.client import aio
from bluesky_qs.client.http_settings import OverHTTP
from bluesky_qs.client.items import BFunc, BInst, BItem, BPlan
from bluesky_qs.client.wait import WaitMonitor

__all__ = ["BFunc", "BInst", "BItem", "BPlan", "REManagerAPI", "WaitMonitor"]


class REManagerAPI(OverHTTP, aio.REManagerAPI):
    """The Queue Server over HTTP, with one coroutine per method of the service.

    Parameters are those of `bluesky_qs.http.REManagerAPI`.
    """
