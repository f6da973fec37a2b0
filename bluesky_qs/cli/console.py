"""``qserver-console``: Jupyter's terminal console, attached to the IPython kernel of the environment."""

import sys
from typing import Any

from bluesky_qs.cli.attach import CannotStart, command
from bluesky_qs.client.sync import REManagerAPI

_HELP = """Attach a terminal console to the IPython kernel of the RE Worker environment.

While a plan or a foreground task runs, your input waits until the plan or task ends.
Ctrl-C interrupts only code that you typed in the console."""


def _start(arguments: list[str], manager: REManagerAPI) -> None:
    try:
        from jupyter_console.app import ZMQTerminalIPythonApp  # noqa: PLC0415 - optional
    except ModuleNotFoundError as error:
        raise CannotStart(f"jupyter-console is required: pip install 'bluesky-qs[kernel]' ({error})") from error

    class Console(ZMQTerminalIPythonApp):
        name = "qserver-console"

        def init_shell(self) -> None:
            super().init_shell()
            shell: Any = self.shell
            shell.check_complete = _check_complete
            self.kernel_manager: Any = _Interrupter(manager)

    # A reply may take as long as a plan.
    Console.launch_instance(["--ZMQTerminalInteractiveShell.kernel_timeout=1e6", *arguments])


def _check_complete(code: str) -> tuple[bool, str]:
    """Return whether the input needs another line, and how far to indent it.

    Jupyter's console asks the kernel. While the kernel runs a plan, it does not answer, so the user would have to end
    each input with an empty line.
    """
    from IPython.core.inputtransformer2 import TransformerManager  # noqa: PLC0415 - the console has imported it

    status, indent = TransformerManager().check_complete(code)
    return status == "incomplete", " " * (indent or 0)


class _Interrupter:
    """Interrupts the kernel for the console, through the service, which may be on another host."""

    def __init__(self, manager: REManagerAPI) -> None:
        self._manager = manager

    def interrupt_kernel(self) -> None:
        reply: Any = self._manager.kernel_interrupt()
        if not reply["success"]:
            print(f"Not interrupted: {reply['msg']}", file=sys.stderr)


main = command("qserver-console", _HELP, _start)

if __name__ == "__main__":
    sys.exit(main())
