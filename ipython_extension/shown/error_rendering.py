"""Makes errors short for IPython to show: one line with what to do, without a traceback of our own code."""

from IPython.core.error import UsageError

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.errors import QSError

_USAGE = "UsageError: "
_RED, _PLAIN = "\x1b[31m", "\x1b[0m"


class NotDone(QSError):
    """An accepted request failed afterwards; ``detail`` is the worker's traceback."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


class Detached(KeyboardInterrupt):
    """Ctrl-C while waiting: stops the wait and the cells that follow in a notebook, but nothing in the service."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def usage(error: UsageError, width: int) -> UsageError:
    """Break the message at spaces to fit the terminal, after the ``UsageError: `` that IPython prints."""
    from ipython_extension.shown.tables import wrapped  # noqa: PLC0415 - loading the extension does not pay for it

    message, newline, line = str(error).partition("\n")
    return UsageError(wrapped(_USAGE + message, width).removeprefix(_USAGE) + newline + line)


def in_one_line(error: QSError, message: str, *, coloured: bool) -> QSError:
    """Make IPython show the error as the worker's traceback, the line ``message`` and the error's notes."""
    from ipython_extension.shown.traceback_text import folded  # noqa: PLC0415 - see `usage`

    match error:
        case RequestFailedError():
            label = "Refused:"
        case NotDone():
            label = "Failed:"
        case _:
            label = "Error:"
    shown = f"{_RED}{label}{_PLAIN}" if coloured else label
    detail = folded(error.detail).splitlines() if isinstance(error, NotDone) else []
    notes: list[str] = getattr(error, "__notes__", [])
    lines = [*detail, f"{shown} {message}", *(line for note in notes for line in note.splitlines())]
    vars(error)["_render_traceback_"] = lambda: lines  # IPython calls this to show the error
    return error
