"""The Bluesky Queue Server: a queue of plans that runs unattended, controlled from the IPython prompt."""

from bluesky_qs._version import __version__

TYPE_CHECKING = False  # typing itself takes milliseconds to import, and type checkers know this name

if TYPE_CHECKING:
    from bluesky_qs.client.items import BFunc, BInst, BItem, BPlan
    from bluesky_qs.client.sync import REManagerAPI
    from bluesky_qs.client.wait import WaitMonitor
    from bluesky_qs.startup.decorator import parameter_annotation_decorator
    from bluesky_qs.startup.happi import load_devices_from_happi
    from bluesky_qs.startup.registry import register_device, register_plan
    from bluesky_qs.startup.where import is_ipython_mode, is_re_worker_active
    from ipython_extension import load_ipython_extension, unload_ipython_extension

# Imported at first use, because every command imports `bluesky_qs` when it starts.
_HOME = {
    "BFunc": "bluesky_qs.client.items",
    "BInst": "bluesky_qs.client.items",
    "BItem": "bluesky_qs.client.items",
    "BPlan": "bluesky_qs.client.items",
    "REManagerAPI": "bluesky_qs.client.sync",
    "WaitMonitor": "bluesky_qs.client.wait",
    "is_ipython_mode": "bluesky_qs.startup.where",
    "is_re_worker_active": "bluesky_qs.startup.where",
    "load_devices_from_happi": "bluesky_qs.startup.happi",
    "load_ipython_extension": "ipython_extension",
    "parameter_annotation_decorator": "bluesky_qs.startup.decorator",
    "register_device": "bluesky_qs.startup.registry",
    "register_plan": "bluesky_qs.startup.registry",
    "unload_ipython_extension": "ipython_extension",
}

__all__ = [
    "BFunc",
    "BInst",
    "BItem",
    "BPlan",
    "REManagerAPI",
    "WaitMonitor",
    "__version__",
    "is_ipython_mode",
    "is_re_worker_active",
    "load_devices_from_happi",
    "load_ipython_extension",
    "parameter_annotation_decorator",
    "register_device",
    "register_plan",
    "unload_ipython_extension",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'bluesky_qs' has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - see _HOME

    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
