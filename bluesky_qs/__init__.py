"""The Bluesky Queue Server."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bluesky_qs._version import __version__

if TYPE_CHECKING:
    from bluesky_qs.client.items import BFunc, BInst, BItem, BPlan
    from bluesky_qs.client.sync import REManagerAPI
    from bluesky_qs.client.wait import WaitMonitor

__all__ = ["BFunc", "BInst", "BItem", "BPlan", "REManagerAPI", "WaitMonitor", "__version__"]

#: Where each public name lives. Loaded when it is first used, because every process of ours imports this package.
_HOMES = {
    "BFunc": "bluesky_qs.client.items",
    "BInst": "bluesky_qs.client.items",
    "BItem": "bluesky_qs.client.items",
    "BPlan": "bluesky_qs.client.items",
    "REManagerAPI": "bluesky_qs.client.sync",
    "WaitMonitor": "bluesky_qs.client.wait",
    "load_ipython_extension": "ipython_extension",
    "unload_ipython_extension": "ipython_extension",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
