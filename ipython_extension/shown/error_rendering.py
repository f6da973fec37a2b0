"""Makes IPython show an error as one line with advice, without a traceback of our own code."""

import sys

from IPython.core.error import UsageError

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.errors import QSError

_USAGE = "UsageError: "
_RED, _PLAIN = "\x1b[31m", "\x1b[0m"


class NotDone(QSError):
    """An accepted request failed afterwards; ``detail`` is the worker's traceback.

    ``label`` precedes the message; it is empty if the message itself says what failed. ``view`` is displayed above it.
    """

    def __init__(self, message: str, detail: str = "", *, label: str = "Failed: ", view: object = None) -> None:
        super().__init__(message)
        self.detail = detail
        self.label = label
        self.view = view


class Detached(KeyboardInterrupt):
    """Ctrl-C during a wait. It ends the wait and stops later notebook cells; the service goes on."""

    def _render_traceback_(self) -> list[str]:
        from ipython_extension.shown.tables import terminal_width, wrapped  # noqa: PLC0415 - see `usage`

        return [wrapped(str(self), terminal_width()) if sys.stdout.isatty() else str(self)]


def usage(error: UsageError, width: int) -> UsageError:
    """Break the message at spaces to fit the terminal, after the ``UsageError: `` that IPython prints.

    Indented lines are not broken: they are the line that was typed and the carets under it.
    """
    from ipython_extension.shown.tables import wrapped  # noqa: PLC0415 - loading the extension does not need it

    lines = f"{_USAGE}{error}".split("\n")
    broken = [line if line.startswith("    ") else wrapped(line, width) for line in lines]
    return UsageError("\n".join(broken).removeprefix(_USAGE.rstrip()).removeprefix(" "))


def in_one_line(error: QSError, message: str, *, theme: str, width: int | None) -> QSError:
    """Make IPython show the error as the worker's traceback, the line ``message`` and the error's notes.

    ``theme`` is IPython's color theme, or ``nocolor``. ``width`` is that of the notebook, or of the terminal, which
    would break long lines within words; it is None if the output goes elsewhere.
    """
    from ipython_extension.shown.tables import wrapped  # noqa: PLC0415 - see `usage`
    from ipython_extension.shown.traceback_text import colored, folded, is_frame  # noqa: PLC0415 - see `usage`

    match error:
        case RequestFailedError():
            label = "Refused: "
        case NotDone():
            label = error.label
        case _:
            label = "Error: "
    detail = folded(error.detail).splitlines() if isinstance(error, NotDone) else []
    notes: list[str] = getattr(error, "__notes__", [])
    sentences = [f"{label}{message}", *(line for note in notes for line in note.splitlines())]
    if width:
        # Lines that name a file are colored as a whole. Indented lines below a message have carets under them.
        detail = [line if is_frame(line) else wrapped(line, width) for line in detail]
        sentences = [line if line.startswith(" ") else wrapped(line, width) for line in sentences]
    traceback, (first, *more) = detail, sentences
    lines = [
        *(colored("\n".join(traceback), theme).splitlines() if traceback else []),
        _in_red(first, label or first) if theme != "nocolor" else first,
        *more,
    ]
    vars(error)["_render_traceback_"] = lambda: lines  # IPython calls this to show the error
    return error


def _in_red(text: str, beginning: str) -> str:
    return f"{_RED}{beginning.rstrip()}{_PLAIN}{text.removeprefix(beginning.rstrip())}"
