"""``qserver-console``: Jupyter's terminal console, attached to the IPython kernel of the environment."""

import sys
from typing import Any

from bluesky_qs.cli.attach import CannotStart, command
from bluesky_qs.client.sync import REManagerAPI

_HELP = """Attach a terminal console to the IPython kernel of the RE Worker environment.

While a plan or a foreground task runs, what is typed waits for its end. Ctrl-C interrupts code of the console only."""


def _start(arguments: list[str], manager: REManagerAPI) -> None:
    try:
        from jupyter_console.app import ZMQTerminalIPythonApp  # noqa: PLC0415 - optional
    except ModuleNotFoundError as error:
        raise CannotStart(f"jupyter-console is needed: pip install 'bluesky-qs[kernel]' ({error})") from error

    class Console(ZMQTerminalIPythonApp):
        name = "qserver-console"

        def init_shell(self) -> None:
            super().init_shell()
            self.kernel_manager: Any = _Interrupter(manager)

    # An answer may take as long as a plan.
    Console.launch_instance(["--ZMQTerminalInteractiveShell.kernel_timeout=1e6", *arguments])


class _Interrupter:
    """What the console asks to interrupt a kernel: the service does, on which host ever that is."""

    def __init__(self, manager: REManagerAPI) -> None:
        self._manager = manager

    def interrupt_kernel(self) -> None:
        answer: Any = self._manager.kernel_interrupt()
        if not answer["success"]:
            print(f"Not interrupted: {answer['msg']}", file=sys.stderr)


main = command("qserver-console", _HELP, _start)

if __name__ == "__main__":
    sys.exit(main())
