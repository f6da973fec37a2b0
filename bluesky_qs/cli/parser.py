"""The parser of all commands except `qserver`, with a common help format and one exit code for invalid input."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from bluesky_qs.errors import QSError, WrongOption

_WIDEST = 110


class ParserExit(Exception):
    """Ends the command with this exit code, after it has shown help, the version or an error in the command line."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Parser(argparse.ArgumentParser):
    """An `argparse.ArgumentParser` that raises `ParserExit` where its base class ends the process."""

    def __init__(self, prog: str, description: str, *, arguments: str = "", **kwargs: Any) -> None:
        super().__init__(
            prog,
            usage=f"{prog} [OPTIONS]{arguments}",
            description=description,
            formatter_class=_Formatter,
            add_help=False,
            **kwargs,
        )
        self._optionals.title = "Options"

    def add_help_option(self) -> None:
        """Add ``-h`` and ``--help``. Call it last, because help lists them last."""
        self.add_argument("-h", "--help", action="help", help="Show this message and exit.")

    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride] - it takes what all overloads take
        self, args: Any = None, namespace: Any = None
    ) -> Any:
        """Parse the command line. A value may begin with a dash, because some encryption keys do."""
        return super().parse_known_args(self._values_joined(sys.argv[1:] if args is None else args), namespace)

    def _values_joined(self, args: Sequence[str]) -> list[str]:
        """Change ``--x -value`` to ``--x=-value``, because argparse would read ``-value`` as an option."""
        options = self._option_string_actions
        joined: list[str] = []
        for arg in args:
            option = options.get(joined[-1]) if joined else None
            takes_value = option is not None and option.nargs is None
            if takes_value and arg.startswith("-") and arg.partition("=")[0] not in options:
                joined[-1] += f"={arg}"
            else:
                joined.append(arg)
        return joined

    def error(self, message: str) -> NoReturn:
        """Print the error and exit with the code for a bad command line."""
        self.exit(
            WrongOption.exit_code,
            f"{self.format_usage().rstrip()}\nTry '{self.prog} --help' for help.\n\nError: {message}\n",
        )

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Raise `ParserExit` with the code that the command returns."""
        if message:
            print(message, end="", file=sys.stderr)
        raise ParserExit(status)


def exit_code_of(command: Callable[[], int | None], *, failed: int | None = None) -> int:
    """Run a command, print its error if it fails, and return the exit code.

    ``failed`` is the exit code for all of our errors; with None, the error's class decides.
    """
    try:
        return command() or 0
    except ParserExit as ended:
        return ended.code
    except QSError as error:
        print(f"Error: {error.message}", file=sys.stderr)
        return error.exit_code if failed is None else failed
    except KeyboardInterrupt:
        print("Interrupted", file=sys.stderr)
        return 1


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34)
        self._width = min(self._width, _WIDEST)

    def _format_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None) -> str:
        return super()._format_usage(usage, actions, groups, "Usage: " if prefix is None else prefix)


def add_encoding(parser: Parser) -> None:
    """Add the option that names the encoding of the service's messages."""
    parser.add_argument(
        "--zmq-encoding",
        dest="encoding",
        type=str.lower,
        choices=["json", "msgpack"],
        help=described("Encoding of the service.", "default: json", "QSERVER_ZMQ_ENCODING"),
    )


def switch(text: str) -> bool:
    """Convert ON or OFF to a boolean, for the ``type`` of an option."""
    try:
        return {"ON": True, "OFF": False}[text.upper()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"{text!r} is not ON or OFF") from None


def natural(text: str) -> int:
    """Convert a whole number that is not negative, for the ``type`` of an option."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)


def described(text: str, *notes: str) -> str:
    """Return the help of an option: its text, then its default and its environment variable in brackets."""
    return (f"{text}  [{'; '.join(notes)}]" if notes else text).replace("%", "%%")


def values_apart(args: Sequence[str]) -> list[str]:
    """Change ``--x=a b`` to ``--x a b``, because argparse takes only one value after an equals sign."""
    apart: list[str] = []
    for arg in args:
        name, equals, value = arg.partition("=")
        # A value that begins with a dash would be read as an option.
        apart += [name, value] if name.startswith("--") and equals and not value.startswith("-") else [arg]
    return apart
