"""``qserver-qtconsole``: Jupyter's Qt console, attached to the IPython kernel of the environment."""

import sys

from bluesky_qs.cli.attach import CannotStart, command
from bluesky_qs.client.sync import REManagerAPI

_HELP = """Attach a Qt console to the IPython kernel of the RE Worker environment.

While a plan or a foreground task runs, your input waits until the plan or task ends."""


def _start(arguments: list[str], _: REManagerAPI) -> None:
    try:
        from qtconsole.qtconsoleapp import JupyterQtConsoleApp  # noqa: PLC0415 # pyright: ignore[reportMissingImports] - optional
    except ImportError as error:  # qtpy also raises it if Qt is missing
        raise CannotStart(f"qtconsole and PyQt5 are required: pip install qtconsole PyQt5 ({error})") from error

    JupyterQtConsoleApp.launch_instance(arguments)


main = command("qserver-qtconsole", _HELP, _start)

if __name__ == "__main__":
    sys.exit(main())
