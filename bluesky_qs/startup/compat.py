"""Code that imports from ``bluesky_queueserver`` finds our names in the worker where that package is absent."""

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_ROOT = "bluesky_queueserver"
_TOOLS = (
    "is_re_worker_active",
    "is_ipython_mode",
    "parameter_annotation_decorator",
    "register_plan",
    "register_device",
    "load_devices_from_happi",
)
#: Modules that startup code imports, and the names that it takes from them.
_MODULES: dict[str, Sequence[str]] = {
    _ROOT: _TOOLS,
    f"{_ROOT}.manager": (),
    f"{_ROOT}.manager.annotation_decorator": ("parameter_annotation_decorator",),
    f"{_ROOT}.manager.profile_tools": (*_TOOLS, "get_user_ns", "set_user_ns", "global_user_namespace"),
}


def install() -> None:
    """Let the names resolve; a package that is really there comes first."""
    if _finder not in sys.meta_path:
        sys.meta_path.append(_finder)


def uninstall() -> None:
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    for name in _MODULES:
        if isinstance(sys.modules.get(name), _Module):
            del sys.modules[name]


class _Module(ModuleType):
    """Names are looked up in our package when asked for."""

    __all__: list[str]

    def __getattr__(self, name: str) -> Any:
        if name == "__all__" or name not in self.__all__:
            raise AttributeError(f"module {self.__name__!r} (provided by bluesky_qs) has no attribute {name!r}")
        source = "bluesky_qs.startup.namespace" if "user_n" in name else "bluesky_qs"
        return getattr(importlib.import_module(source), name)


class _Finder:
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG002
        return ModuleSpec(name, self, is_package=name in (_ROOT, f"{_ROOT}.manager")) if name in _MODULES else None  # pyright: ignore[reportArgumentType]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = _Module(spec.name, "Names of bluesky_qs for code that was written for bluesky_queueserver.")
        module.__all__ = list(_MODULES[spec.name])
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: the names are looked up when asked for."""


_finder = _Finder()
