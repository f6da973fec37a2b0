"""What a real IPython shell needs to run startup code as the terminal's shell does, where it is none."""

from typing import Any


def prepare(shell: Any) -> None:
    """Let modules of the startup code ask for the shell by its bare name, and bring back ``shell.magic``.

    For the life of the process: plans and uploaded scripts ask for it long after the startup files have run.
    """
    shell.builtin_trap.__enter__()
    if not hasattr(shell, "magic"):  # gone since IPython 9, and still in many a profile
        shell.magic = lambda line: _magic(shell, line)


def _magic(shell: Any, line: str) -> Any:
    name, _, rest = line.strip().partition(" ")
    return shell.run_line_magic(name.lstrip("%"), rest.strip())
