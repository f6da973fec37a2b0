"""Prepares a real IPython shell without a terminal to run startup code as a terminal's shell does."""

from typing import Any


def prepare(shell: Any) -> None:
    """Make ``get_ipython`` a builtin for modules of the startup code, and restore ``shell.magic``.

    This lasts until the process ends, because plans and uploaded scripts use it later.
    """
    shell.builtin_trap.__enter__()
    if not hasattr(shell, "magic"):  # removed in IPython 9, and still used in many profiles
        shell.magic = lambda line: _magic(shell, line)


def _magic(shell: Any, line: str) -> Any:
    name, _, rest = line.strip().partition(" ")
    return shell.run_line_magic(name.lstrip("%"), rest.strip())
