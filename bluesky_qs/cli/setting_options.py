"""Makes command line options from the schema of the settings."""

import argparse
from functools import partial
from importlib.util import find_spec

from bluesky_qs.cli.parser import described
from bluesky_qs.config.schema import Field, choices
from bluesky_qs.errors import StartupError

_LEVELS = {"verbose": "Enable debug logging.", "quiet": "Log warnings and errors only.", "silent": "Log nothing."}


def add_setting(group: "argparse._ActionsContainer", field: Field) -> None:
    """Add the option of a setting; its value is stored under the setting's key."""
    setting = field.setting
    add = partial(group.add_argument, *setting.options, dest=field.key, help=_help(field))
    if field.name == "keep_re":
        add(action="store_const", const=True)
    elif setting.bare is not None:
        add(metavar="ON|OFF" if field.type is bool else setting.metavar, nargs="?", const=setting.bare)
    elif field.type is bool:
        add(metavar="ON|OFF")
    elif words := choices(field.type):
        add(metavar="|".join(words))
    elif isinstance(field.default, tuple):
        add(metavar=setting.metavar, action="extend", nargs="+")
    else:
        add(metavar=setting.metavar)


def add_levels(parser: argparse.ArgumentParser, dest: str) -> None:
    """Add the options that set how much is logged."""
    levels = parser.add_mutually_exclusive_group()
    for level, text in _LEVELS.items():
        levels.add_argument(f"--{level}", action="store_const", const=level, dest=dest, help=text)


def require_door() -> None:
    """Check that the packages for the HTTP door are installed.

    Raises
    ------
    StartupError
        They are not.
    """
    if not all(find_spec(name) for name in ("starlette", "uvicorn")):
        raise StartupError("The HTTP door needs more packages: pip install 'bluesky-qs[http]'")


def _help(field: Field) -> str:
    default = " ".join(field.default) if isinstance(field.default, tuple) else field.default
    if field.type is bool:
        default = "ON" if field.default else "OFF"
    notes = [f"default: {default}"] if default not in (None, "") and field.name != "keep_re" else []
    notes += field.setting.variables[:1]
    return described(field.setting.text, *notes)
