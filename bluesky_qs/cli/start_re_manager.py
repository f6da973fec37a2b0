"""``start-re-manager``: the command line of the service. Its options are made from the schema of the settings."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import click

from bluesky_qs._version import __version__
from bluesky_qs.config import load as config
from bluesky_qs.config.schema import Field, choices, fields
from bluesky_qs.errors import ConfigError, StartupError

_LEVELS = {"verbose": "Log much.", "quiet": "Log warnings and errors only.", "silent": "Log nothing."}
_TITLES = {
    "network": "Sockets and Redis",
    "startup": "Startup code",
    "operation": "Operation",
    "worker": "Worker",
}
_HELP = """Start RE Manager, the service that keeps the queue and runs it.

Without options a demonstration with simulated devices is ready to be opened. Stop it with Ctrl-C.

Every setting may also stand in a configuration file; many have an environment variable. The command line wins over the
file, the file over the environment."""


class _Command(click.Command):
    """Takes several values after one option, and lists the options by section."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        several = {name for option in self.params if getattr(option, "multiple", False) for name in option.opts}
        names = {name: option.name for option in self.get_params(ctx) for name in option.opts}
        whole = [_in_full(arg, names) for arg in args]
        return super().parse_args(ctx, list(_one_value_each(whole, several)))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for option in self.get_params(ctx):
            if record := option.get_help_record(ctx):
                title = _TITLES.get((option.name or "").partition("__")[0], "Options")
                sections.setdefault(title, []).append(record)
        for title in ("Options", *_TITLES.values()):
            with formatter.section(title):
                formatter.write_dl(sections[title])


def main(args: Sequence[str] | None = None) -> int:
    """Run the service until it ends; its exit code."""
    command = _Command(
        "start-re-manager",
        params=list(_params()),
        help=_HELP,
        callback=_start,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )
    try:
        return command.main(args, prog_name=command.name, standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return ConfigError.exit_code
    except StartupError as error:
        click.echo(f"Error: {error.message}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted before the start", err=True)
    return 1


def _start(**values: Any) -> int:
    path = values.pop("config")
    levels = [level for level in _LEVELS if values.pop(level)]
    if len(levels) > 1:
        raise click.UsageError(f"Give only one of {', '.join(f'--{level}' for level in levels)}.")
    options = {name.replace("__", "."): value for name, value in values.items() if value not in (None, ())}
    if levels:
        options["operation.console_logging_level"] = levels[0]
    loaded = config.load(options, os.environ, path)

    if loaded.settings.worker.use_ipython_kernel and find_spec("ipykernel") is None:
        raise StartupError("IPython kernel mode needs the package ipykernel: pip install 'bluesky-qs[kernel]'")

    from bluesky_qs.supervisor import app  # noqa: PLC0415 - help and bad options need no sockets

    return app.run(loaded.settings, notes=loaded.described())


def _params() -> Iterator[click.Parameter]:
    yield click.Option(
        [config.CONFIG_OPTION, "config"],
        metavar="PATH",
        help=f"Configuration file (YAML), or a folder of them.  [{config.CONFIG_VARIABLE}]",
    )
    for level, text in _LEVELS.items():
        yield click.Option([f"--{level}"], is_flag=True, help=text)
    yield click.Option(
        ["--version"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_show_version,
        help="Show the version and exit.",
    )
    for field in fields():
        if field.setting.options:
            yield _option(field)


def _option(field: Field) -> click.Option:
    setting = field.setting
    names = [*setting.options, f"{field.section}__{field.name}"]  # a dot may not be in click's name
    text = _help(field)
    if field.name == "keep_re":
        return click.Option(names, is_flag=True, default=None, help=text)
    if field.type is bool:
        return click.Option(names, metavar="[ON|OFF]", help=text)
    if words := choices(field.type):
        return click.Option(names, metavar=f"[{'|'.join(words)}]", help=text)
    return click.Option(names, metavar=setting.metavar, multiple=isinstance(field.default, tuple), help=text)


def _help(field: Field) -> str:
    default = {True: "ON", False: "OFF"}.get(field.default, field.default) if field.type is bool else field.default
    notes = [f"default: {default}"] if default not in (None, (), "") and field.name != "keep_re" else []
    notes += field.setting.variables[:1]
    return f"{field.setting.text}  [{'; '.join(notes)}]" if notes else field.setting.text


def _show_version(ctx: click.Context, _: click.Parameter, value: Any) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"start-re-manager {__version__}")
        ctx.exit()


def _in_full(arg: str, names: Mapping[str, str | None]) -> str:
    """An option that is cut short as it is in full, if no other begins like it: existing start scripts have such."""
    short, equals, value = arg.partition("=")
    if short in names or not short.startswith("--") or short == "--":
        return arg
    meant = {option: name for name, option in names.items() if name.startswith(short)}
    return f"{meant.popitem()[1]}{equals}{value}" if len(meant) == 1 else arg


def _one_value_each(args: Sequence[str], several: set[str]) -> Iterator[str]:
    """``--x a b`` as ``--x a --x b``, for the options that take several values."""
    option, complete = "", False
    for arg in args:
        if arg.startswith("-"):
            option, equals, _ = arg.partition("=")
            option, complete = option if option in several else "", bool(equals)
        elif option:
            if complete:
                yield option
            complete = True
        yield arg


if __name__ == "__main__":
    sys.exit(main())
