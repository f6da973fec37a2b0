"""``start-re-manager``: the command line of the service. Its options are made from the schema of the settings."""

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib.util import find_spec
from typing import Any

import msgspec

from bluesky_qs._version import __version__
from bluesky_qs.cli.parser import Parser, ParserExit, described, values_apart
from bluesky_qs.cli.setting_options import add_levels, add_setting, require_door
from bluesky_qs.config import load as config
from bluesky_qs.config.schema import Settings, fields
from bluesky_qs.errors import StartupError
from bluesky_qs.ipc.hangup import early_hangup_handled

_LOGGING = "operation.console_logging_level"
_TITLES = {
    "network": "Sockets and Redis",
    "startup": "Startup code",
    "operation": "Operation",
    "log": "Log",
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

    if loaded.settings.operation.otel and not _can_trace():
        raise StartupError("Traces need more packages: pip install 'bluesky-qs[otel]'")

    # With a door, SIGHUP means that files must be read again. They are read when the service has started.
    with nullcontext() if loaded.settings.http.addr is None else early_hangup_handled():
        settings, key = _with_door(loaded.settings)

        from bluesky_qs.supervisor import app  # noqa: PLC0415 - help and bad options need no sockets

        return app.run(settings, notes=loaded.described(), config=loaded.config, door_key=key)


def _can_trace() -> bool:
    try:
        return all(find_spec(f"opentelemetry.{name}") for name in ("sdk", "exporter.otlp.proto.http"))
    except ModuleNotFoundError:
        return False


def _with_door(settings: Settings) -> tuple[Settings, str | None]:
    """Return the settings, with the HTTP door's settings complete and checked, and the key if one was generated."""
    if settings.http.addr is None:
        if settings.http.metrics is not None and find_spec("prometheus_client") is None:
            raise StartupError("Metrics need the package prometheus-client: pip install 'bluesky-qs[metrics]'")
        return settings, None
    require_door()

    from bluesky_qs.door.check import checked  # noqa: PLC0415 - a service without a door loads nothing of it

    answer = checked(settings.http)
    return msgspec.structs.replace(settings, http=answer.http), answer.key


def _parser() -> Parser:
    parser = Parser("start-re-manager", _HELP)
    parser.add_argument(
        config.CONFIG_OPTION,
        dest="config",
        metavar="PATH",
        help=described("Configuration file (YAML), or a folder of them.", config.CONFIG_VARIABLE),
    )
    add_levels(parser, _LOGGING)
    version = f"start-re-manager {__version__}"
    parser.add_argument("--version", action="version", version=version, help="Show the version and exit.")
    parser.add_help_option()
    groups = {section: parser.add_argument_group(title) for section, title in _TITLES.items()}
    for field in fields():
        if field.setting.options:
            add_setting(groups[field.section], field)
    return parser


if __name__ == "__main__":
    sys.exit(main())
