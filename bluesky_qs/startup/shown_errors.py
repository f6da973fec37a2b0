"""Records errors that an IPython shell prints but does not raise.

``%run``, ``run_cell`` and ``showtraceback`` return normally, and the startup code continues after the error. Therefore,
the error must appear in the report and on the console.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bluesky_qs.startup.failure import place, sentence, traceback_text
from bluesky_qs.startup.report import LoadProblem

#: Maximum number of recorded errors, because a loop may show an error a thousand times.
_MOST = 50


class ShownErrors:
    """Records the errors that a shell shows, as problems for the report.

    Parameters
    ----------
    roots
        Folders of the user's own code. Each error is traced to a line in one of them.
    print_them
        Whether to also print each traceback to standard error. A kernel sends tracebacks only to its clients.
    """

    def __init__(self, *, roots: list[Path], print_them: bool = False) -> None:
        self.problems: list[LoadProblem] = []
        self._roots = roots
        self._print_them = print_them
        self._last: BaseException | None = None
        self._watching = False

    @contextmanager
    def watching(self, shell: Any) -> Iterator[None]:
        """Record what ``shell`` shows inside the ``with`` block."""
        kept = {name: getattr(shell, name) for name in ("showtraceback", "showsyntaxerror", "show_usage_error")}
        shell.showtraceback = self._noting(kept["showtraceback"], lambda args: _shown(shell, args))
        shell.showsyntaxerror = self._noting(kept["showsyntaxerror"], lambda _: sys.exc_info()[1])
        shell.show_usage_error = self._noting(kept["show_usage_error"], lambda args: args[0] if args else None)
        try:
            yield
        finally:
            for name in kept:
                vars(shell).pop(name, None)

    def note(self, message: str, error: BaseException | None = None) -> None:
        """Add a problem, at the line where ``error`` occurred."""
        if len(self.problems) < _MOST:
            self.problems.append(LoadProblem(message, *(place(error, self._roots) if error else (None, None))))

    def _noting(self, show: Callable[..., Any], shown: Callable[[tuple[Any, ...]], Any]) -> Callable[..., Any]:
        def noting(*args: Any, **kwargs: Any) -> Any:
            error = shown(args)
            # For some errors, `showtraceback` calls the other two.
            if isinstance(error, BaseException) and error is not self._last:
                self._last = error
                self.note(f"{sentence(error)} (IPython showed the error, and the startup code continued)", error)
                if self._print_them:
                    print(traceback_text(error), end="", file=sys.stderr, flush=True)
            return show(*args, **kwargs)

        return noting


def _shown(shell: Any, args: tuple[Any, ...]) -> Any:
    try:
        return shell._get_exc_info(args[0] if args else None)[1]  # noqa: SLF001 - the shell's own rule for its default
    except ValueError:  # there is no error to show
        return None
