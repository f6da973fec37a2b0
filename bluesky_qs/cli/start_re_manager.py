"""``start-re-manager``: the command line of the service. Its options are made from the schema of the settings."""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

from bluesky_qs._version import __version__
from bluesky_qs.cli.parser import Parser, ParserExit, described, values_apart
from bluesky_qs.config import load as config
from bluesky_qs.config.schema import Field, choices, fields
from bluesky_qs.errors import StartupError

_LEVELS = {"verbose": "Enable debug logging.", "quiet": "Log warnings and errors only.", "silent": "Log nothing."}
_LOGGING = "operation.console_logging_level"
_TITLES = {
    "network": "Sockets and Redis",
    "startup": "Startup code",
    "operation": "Operation",
    "worker": "Worker",
    "http": "HTTP door",
}
_HELP = """Start RE Manager, the service that keeps the queue and runs it.

Without options it runs a simulated beamline, so that you can try it out. Stop it with Ctrl-C.

You can also give every setting in a configuration file, and many as an environment
variable. The command line overrides the file, and the file overrides the variables."""


def main(args: Sequence[str] | None = None) -> int:
    """Run the service until it ends, and return its exit code."""
    parser = _parser()
    try:
        options = vars(parser.parse_args(values_apart(sys.argv[1:] if args is None else args)))
        return _start(options)
    except ParserExit as ended:
        return ended.code
    except StartupError as error:
        print(f"Error: {error.message}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("Interrupted before the start", file=sys.stderr)
    return 1


def _start(values: dict[str, Any]) -> int:
    path = values.pop("config")
    options = {name: value for name, value in values.items() if value is not None}
    loaded = config.load(options, os.environ, path)

    if loaded.settings.worker.use_ipython_kernel and find_spec("ipykernel") is None:
        raise StartupError("IPython kernel mode needs the package ipykernel: pip install 'bluesky-qs[kernel]'")

    if loaded.settings.http.addr is not None and not all(find_spec(name) for name in ("starlette", "uvicorn")):
        raise StartupError("The HTTP door needs more packages: pip install 'bluesky-qs[http]'")

    from bluesky_qs.supervisor import app  # noqa: PLC0415 - help and bad options need no sockets

    return app.run(loaded.settings, notes=loaded.described())


def _parser() -> Parser:
    parser = Parser("start-re-manager", _HELP)
    parser.add_argument(
        config.CONFIG_OPTION,
        dest="config",
        metavar="PATH",
        help=described("Configuration file (YAML), or a folder of them.", config.CONFIG_VARIABLE),
    )
    levels = parser.add_mutually_exclusive_group()
    for level, text in _LEVELS.items():
        levels.add_argument(f"--{level}", action="store_const", const=level, dest=_LOGGING, help=text)
    version = f"start-re-manager {__version__}"
    parser.add_argument("--version", action="version", version=version, help="Show the version and exit.")
    parser.add_help_option()
    groups = {section: parser.add_argument_group(title) for section, title in _TITLES.items()}
    for field in fields():
        if field.setting.options:
            _add_option(groups[field.section], field)
    return parser


def _add_option(group: "argparse._ArgumentGroup", field: Field) -> None:
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


def _help(field: Field) -> str:
    default = " ".join(field.default) if isinstance(field.default, tuple) else field.default
    if field.type is bool:
        default = "ON" if field.default else "OFF"
    notes = [f"default: {default}"] if default not in (None, "") and field.name != "keep_re" else []
    notes += field.setting.variables[:1]
    return described(field.setting.text, *notes)


if __name__ == "__main__":
    sys.exit(main())
