"""The parts of IPython and the options that the session needs."""

from collections.abc import Sequence
from typing import Any, Protocol

from bluesky_qs.client.sync import REManagerAPI
from ipython_extension.live.plot import Canvas
from ipython_extension.live.progress_output import ProgressOutput


class PromptSettings(Protocol):
    """The parts of IPython, and the options, that the session uses."""

    def rows(self) -> int:
        """The number of table rows to show."""
        ...

    def progress_output(self) -> ProgressOutput:
        """The output for the progress of a wait."""
        ...

    def table_width(self) -> int:
        """Number of columns of a live table."""
        ...

    def client(self) -> REManagerAPI:
        """The client in use."""
        ...

    def canvas(self) -> Canvas:
        """The output for figures: a notebook or windows."""
        ...

    def new_view(self, client: REManagerAPI) -> Any:
        """A live view of a service, for a notebook."""
        ...

    def variables(self) -> dict[str, Any]:
        """The user's namespace."""
        ...

    def inputs(self) -> Sequence[str]:
        """The inputs of this session as Python code, oldest first."""
        ...

    def connect(
        self, *, address: str | None, info: str | None, user: str | None, group: str | None
    ) -> tuple[REManagerAPI, str | None]:
        """Switch to the service at another address if it answers.

        Return its client, and its info address if that is only a guess.
        """
        ...

    def uses_http(self) -> bool:
        """Whether the client in use talks to an HTTP server."""
        ...

    def http_client(self, *, address: str | None = None, ca_file: str | None = None) -> REManagerAPI:
        """A client for an HTTP server, with the key that is stored for that server."""
        ...

    def use(self, client: REManagerAPI) -> REManagerAPI:
        """Switch to this client. It talks to the same HTTP server with the same keys."""
        ...
