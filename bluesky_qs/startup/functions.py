"""Describes the functions in a namespace, for people who want to call one."""

import functools
import inspect
import types
from collections.abc import Container, Mapping
from typing import Any

from bluesky_qs.startup.header import function_of, returns_plan

_FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, functools.partial)
#: Packages whose functions are in every namespace.
_OF_THE_SHELL = ("IPython",)
#: Maximum number of characters in a signature and in a description. Longer ones are cut.
_LONGEST = 200


def functions(namespace: Mapping[str, Any], plans: Container[str]) -> dict[str, dict[str, str]]:
    """Return the signature and the first docstring line of each public function that is not a plan, by name."""
    found = [(name, value) for name, value in list(namespace.items()) if _is_public(name) and name not in plans]
    return {
        name: {"signature": _signature(value), "description": _description(value)}
        for name, value in sorted(found, key=lambda each: each[0])
        if _is_function(value)
    }


def _is_public(name: object) -> bool:
    return isinstance(name, str) and name.isidentifier() and not name.startswith("_")


def _is_function(value: Any) -> bool:
    # isinstance() is not used, because it would run the code of a proxy.
    if not issubclass(type(value), _FUNCTIONS):
        return False
    if str(getattr(value, "__module__", "")).partition(".")[0] in _OF_THE_SHELL:
        return False
    function = function_of(value)
    if inspect.isgeneratorfunction(value) or getattr(function, "_is_plan_", False) is True:
        return False
    try:
        return not returns_plan(function)
    except Exception:  # noqa: BLE001 - repr() of an annotation is user code and may raise anything
        return True


def _signature(function: Any) -> str:
    try:
        text = str(inspect.signature(function))
    except Exception:  # noqa: BLE001 - extension-module functions have no signature; repr() of a default is user code
        return "(…)"
    return _cut(text)


def _description(function: Any) -> str:
    if issubclass(type(function), functools.partial):  # its docstring is the docstring of the class
        function = function.func
    text = inspect.getdoc(function)
    return _cut(text.strip().partition("\n")[0]) if isinstance(text, str) else ""


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
