"""Runs code that an IPython profile configures in ``ipython_config.py``: extensions, ``exec_lines``, ``exec_files``.

Importing this module imports IPython.
"""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from IPython.core.shellapp import InteractiveShellApp

from bluesky_qs.startup.failure import failed, sentence
from bluesky_qs.startup.shown_errors import ShownErrors


class ConfiguredCode(InteractiveShellApp):
    """Runs the configured code of an IPython application, and records what failed.

    As a base class, put it before the application's class. Set ``shown_errors`` before the application is initialized.
    """

    shown_errors: ShownErrors
    #: Provided by the application, which is the other base class.
    log: Any
    log_level: Any

    def init_extensions(self) -> None:
        """Load the configured extensions. Record an extension that cannot be loaded."""
        with self._warnings_noted():
            super().init_extensions()

    def run_configured_code(self) -> None:
        """Run the configured lines, then the configured files; record what fails."""
        with self._warnings_noted():
            for line in self.exec_lines:
                self._run_line(line)
            for file in self.exec_files:
                try:
                    self._exec_file(file)
                except Exception as error:  # noqa: BLE001 - user code; like IPython, continue with the next file
                    failure = failed(error)
                    self.shown_errors.note(f"A file in ipython_config.py failed: {failure.message}")

    def _run_line(self, line: str) -> None:
        shell: Any = self.shell
        noted = len(self.shown_errors.problems)
        done = shell.run_cell(line, store_history=False)
        if error := done.error_before_exec or done.error_in_exec:
            del self.shown_errors.problems[noted:]  # the same error, recorded without the line
            self.shown_errors.note(f"The line {line!r} in ipython_config.py failed: {sentence(error)}")

    @contextlib.contextmanager
    def _warnings_noted(self) -> Iterator[None]:
        """Record IPython's warnings about the configured code. IPython's other warnings do not matter to a service."""
        noting = _Noting(self.shown_errors)
        log, level = self.log, self.log_level
        log.addHandler(noting)
        log.setLevel(logging.WARNING)
        try:
            yield
        finally:
            log.setLevel(level)
            log.removeHandler(noting)


class _Noting(logging.Handler):
    """Records the first line of each message, and the error that belongs to it."""

    def __init__(self, shown_errors: ShownErrors) -> None:
        super().__init__()
        self._shown_errors = shown_errors

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage().partition("\n")[0]
        error = record.exc_info[1] if record.exc_info else None
        self._shown_errors.note(f"{text}: {sentence(error)}" if error else text, error)
