"""Postpones the import of a module until it is used.

bluesky imports event_model, event_model imports jsonschema, and jsonschema imports rfc3987_syntax, which comes with
Jupyter servers. While rfc3987_syntax is imported, it compiles a grammar for internationalized addresses, which takes
three times as long as importing the rest of bluesky. The documents of a run contain no addresses of that kind.
"""

import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any


def put_off_slow_imports() -> None:
    """Let bluesky start without the grammar. Call this before anything imports jsonschema."""
    import_later("rfc3987_syntax", "is_valid_syntax")


def import_later(name: str, function: str) -> None:
    """Postpone running a module until one of its names is used or this function in it is called.

    The module may be missing or already imported.
    """
    spec = None if name in sys.modules else find_spec(name)
    if spec is None or spec.loader is None:
        return
    module = module_from_spec(spec)
    module.__class__ = _Later

    def call(*args: Any, **kwargs: Any) -> Any:
        _run(module)
        return getattr(module, function)(*args, **kwargs)

    setattr(module, function, call)
    sys.modules[name] = module


class _Later(ModuleType):
    """A module that has not run yet."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # tools look for these names in all modules
            raise AttributeError(name)
        _run(self)
        return getattr(self, name)


def _run(module: ModuleType) -> None:
    spec = module.__spec__
    if module.__class__ is _Later and spec is not None and spec.loader is not None:
        module.__class__ = ModuleType
        spec.loader.exec_module(module)
