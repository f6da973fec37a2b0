"""Reads the ``args`` of a sign-in provider from the configuration. No message contains a value."""

import re
import ssl
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from bluesky_qs.errors import ConfigError
from bluesky_qs.nearest import did_you_mean, nearest

T = TypeVar("T", bound=msgspec.Struct)

_UNKNOWN = re.compile(r"unknown field `(?P<name>.*)`")
_MISSING = re.compile(r"missing required field `(?P<name>.*)`")
_ILL_TYPED = re.compile(r"Expected `(?P<type>[^`]*)`.* at `\$\.(?P<name>[\w.\[\]]+)`")


def read_args(args: Mapping[str, Any], kind: type[T], *, unsupported: Mapping[str, str] = {}) -> T:
    """Read ``args`` as a struct. ``unsupported`` are arguments of bluesky-httpserver that are refused, with the reason.

    Raises
    ------
    ConfigError
        An argument is unknown, missing, not supported or has a wrong type.
    """
    for name, reason in unsupported.items():
        if name in args:
            raise ConfigError(f"the argument {name!r} is not supported: {reason}")
    try:
        return msgspec.convert({name: value for name, value in args.items() if value is not None}, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(_sentence(str(error), kind)) from None


def check_ca_file(path: str) -> None:
    """Refuse a file of certificates that cannot be used.

    Raises
    ------
    ConfigError
        The file is not readable, or it contains no certificates.
    """
    try:
        ssl.create_default_context(cafile=path or None)
    except OSError as error:  # OpenSSL's errors are OSErrors, too
        reason = "it contains no certificates" if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigError(f"the file of the argument 'ca_file' cannot be used: {reason}") from None


def _sentence(text: str, kind: type[msgspec.Struct]) -> str:
    if match := _UNKNOWN.search(text):
        name = match["name"]
        return f"unknown argument {name!r}{did_you_mean(nearest(name, kind.__struct_fields__))}"
    if match := _MISSING.search(text):
        return f"the argument {match['name']!r} is missing"
    if match := _ILL_TYPED.search(text):
        return f"the argument {match['name']!r} must be of the type {match['type'].replace(' | null', '')}"
    return text
