"""Lets startup code run even if packages that it needs are not installed in the worker.

``bluesky_queueserver``: if it is not installed, its names refer to names in bluesky_qs. If it is installed, it gets the
namespace of bluesky_qs, and its registrations are passed on to bluesky_qs. ``matplotlib``: if it is not installed,
BestEffortCallback can still be imported and still prints its tables.
"""

import importlib.util
import logging
import sys
from collections.abc import Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from bluesky_qs.startup import registry
from bluesky_qs.startup.imports import after_import, forget
from bluesky_qs.startup.namespace import global_user_namespace

log = logging.getLogger(__name__)

_ROOT = "bluesky_queueserver"
_PLOTTING = "bluesky.callbacks.best_effort"
_PROFILE_TOOLS = f"{_ROOT}.manager.profile_tools"
_TOOLS = (
    "is_re_worker_active",
    "is_ipython_mode",
    "parameter_annotation_decorator",
    "register_plan",
    "register_device",
    "load_devices_from_happi",
)
#: The modules of bluesky_queueserver that startup code imports, and the names in them.
_MODULES: dict[str, Sequence[str]] = {
    _ROOT: _TOOLS,
    f"{_ROOT}.manager": (),
    f"{_ROOT}.manager.annotation_decorator": ("parameter_annotation_decorator",),
    _PROFILE_TOOLS: (*_TOOLS, "get_user_ns", "set_user_ns", "global_user_namespace"),
}


def install() -> None:
    """Make the names available. An installed package takes precedence."""
    if _finder not in sys.meta_path:
        sys.meta_path.append(_finder)
    after_import(_ROOT, _share_registry)
    after_import(_PROFILE_TOOLS, _share_namespace)
    # This finder comes first, because the module exists; only its import fails.
    if importlib.util.find_spec("matplotlib") is None and _without_plots not in sys.meta_path:
        sys.meta_path.insert(0, _without_plots)


def uninstall() -> None:
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    if _without_plots in sys.meta_path:
        sys.meta_path.remove(_without_plots)
    forget(_ROOT)
    forget(_PROFILE_TOOLS)
    for name in (*_MODULES, _PLOTTING):
        spec = getattr(sys.modules.get(name), "__spec__", None)
        if spec is not None and isinstance(spec.loader, _Loader | _WithoutPlots):
            del sys.modules[name]


class _Module(ModuleType):
    """A module whose names are looked up in bluesky_qs when they are first used."""

    __all__: list[str]

    def __getattr__(self, name: str) -> Any:
        if name == "__all__" or name not in self.__all__:
            raise AttributeError(f"module {self.__name__!r} (provided by bluesky_qs) has no attribute {name!r}")
        source = "bluesky_qs.startup.namespace" if "user_n" in name else "bluesky_qs"
        return getattr(importlib.import_module(source), name)


class _Finder:
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG002
        if name not in _MODULES:
            if _is_ours(name.rpartition(".")[0]):
                # The attribute `name` is not set, because `from … import name` would replace the message.
                raise ModuleNotFoundError(_no_counterpart(name))
            return None
        return ModuleSpec(name, _Loader(), is_package=name in (_ROOT, f"{_ROOT}.manager"))


def _is_ours(name: str) -> bool:
    """Return whether this module is loaded and refers to names in bluesky_qs."""
    return isinstance(getattr(getattr(sys.modules.get(name), "__spec__", None), "loader", None), _Loader)


def _no_counterpart(name: str) -> str:
    modules = ", ".join(f"{module} ({', '.join(names)})" for module, names in _MODULES.items() if names)
    return f"{name!r} is part of bluesky_queueserver and not provided by bluesky_qs. Startup code can import: {modules}"


class _Loader(Loader):
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = _Module(spec.name, "Names of bluesky_qs for code that was written for bluesky_queueserver.")
        module.__all__ = list(_MODULES[spec.name])
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Run nothing, because names are looked up when they are first used."""


class _WithoutPlots(Loader):
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG002
        return ModuleSpec(name, self) if name == _PLOTTING else None

    def exec_module(self, module: ModuleType) -> None:
        from bluesky_qs.startup import tables  # noqa: PLC0415 - it imports bluesky

        log.warning("matplotlib is not installed: BestEffortCallback prints tables and draws no plots")
        vars(module).update(BestEffortCallback=tables.LiveTables, PeakResults=tables.Peaks)


def _share_registry(package: ModuleType) -> None:
    """Redirect the registrations of the other package to bluesky_qs, which makes the lists."""
    for name, ours in (("register_plan", registry.register_plan), ("register_device", registry.register_device)):
        theirs = getattr(package, name, ours)
        if theirs is not ours:
            setattr(package, name, ours)
            setattr(sys.modules[theirs.__module__], name, ours)


def _share_namespace(tools: ModuleType) -> None:
    """Give the namespace of bluesky_qs to the other package, whose ``set_user_ns`` passes it to functions."""
    theirs = getattr(tools, "global_user_namespace", None)
    if theirs is not None and theirs is not global_user_namespace:
        theirs.set_user_namespace(user_ns=global_user_namespace.user_ns, use_ipython=global_user_namespace.use_ipython)


_finder = _Finder()
_without_plots = _WithoutPlots()
