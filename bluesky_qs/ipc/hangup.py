"""What SIGHUP means: the terminal of the process was closed, or somebody wants it to read its files again."""

import os


class ControllingTerminal:
    """The terminal in which the process was started, if there is one."""

    def __init__(self) -> None:
        self._was_there = _is_there()

    @property
    def was_closed(self) -> bool:
        """Whether there was a terminal, and it is gone."""
        return self._was_there and not _is_there()


def _is_there() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
