"""The kernel's views: makes them, finds the one that a browser wants, and closes them."""

import atexit
from contextlib import suppress
from typing import Any

from IPython.core.error import UsageError

from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.errors import QSError
from ipython_extension.widget.connection import Comm
from ipython_extension.widget.view import TARGET, Widget

#: Maximum number of live views. A further view closes the oldest one.
_MOST = 8
_NO_NOTEBOOK = (
    "%qs widget needs a notebook, such as JupyterLab. {} Here, %qs shows the state, and %qs wait follows the plans."
)
_PAGE_HERE = "In a browser, {} shows the same."
_PAGE = "If the service was started with --http, its page in a browser shows the same."
_KERNEL_ENDED = "The kernel ended at {}."


class Views:
    """All of a kernel's views."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        #: The views, oldest first, with the cell that made them and the id of its run.
        self._made: dict[Widget, tuple[str | None, str | None]] = {}
        self._is_ready = False

    def new(self, client: REManagerAPI) -> Widget:
        """Make a view. It replaces the view from an earlier run of the same cell.

        Raises
        ------
        UsageError
            This is not a notebook.
        QSError
            The service does not answer.
        """
        is_http = client.protocol is client.Protocols.HTTP
        if not hasattr(self._shell, "kernel"):
            page = _PAGE_HERE.format(client.settings.address) if is_http else _PAGE
            raise UsageError(_NO_NOTEBOOK.format(page))
        if is_http:
            with suppress(QSError):  # the next request shows why
                client.identify()
        view = Widget(client, client.status(), self._shell.display_pub.publish, closed=self._forget)
        cell, run = self._place()
        for other, (its_cell, its_run) in list(self._made.items()):
            if cell is not None and its_cell == cell and its_run != run:
                other.close()
        for oldest in list(self._made)[: max(len(self._made) + 1 - _MOST, 0)]:
            oldest.close()
        self._made[view] = cell, run
        self._prepare()
        return view

    def close(self) -> None:
        """Close all views, and undo everything that was prepared for them."""
        for view in list(self._made):
            view.close()
        if not self._is_ready:
            return
        self._is_ready = False
        atexit.unregister(self._at_exit)
        self._shell.kernel.comm_manager.unregister_target(TARGET, self._open)
        self._shell.events.unregister("pre_run_cell", self._cell_began)
        self._shell.events.unregister("post_run_cell", self._cell_ended)

    def _prepare(self) -> None:
        if self._is_ready:
            return
        self._is_ready = True
        self._shell.kernel.comm_manager.register_target(TARGET, self._open)
        self._shell.events.register("pre_run_cell", self._cell_began)
        self._shell.events.register("post_run_cell", self._cell_ended)
        atexit.register(self._at_exit)

    def _place(self) -> tuple[str | None, str | None]:
        """The running cell, if the notebook names it, and the id of this run."""
        parent = self._shell.kernel.get_parent("shell")
        return (parent.get("metadata") or {}).get("cellId"), (parent.get("header") or {}).get("msg_id")

    def _forget(self, view: Widget) -> None:
        self._made.pop(view, None)

    def _open(self, comm: Comm, message: dict[str, Any]) -> None:
        """Accept a comm, or close it if its view belongs to an earlier kernel."""
        wanted = message["content"]["data"].get("view")
        view = next((each for each in self._made if each.id == wanted), None)
        if view is None:
            comm.close()
        else:
            view.open(comm)

    def _cell_began(self, *_: object) -> None:
        for view in list(self._made):
            view.cell_began()

    def _cell_ended(self, *_: object) -> None:
        for view in list(self._made):
            view.cell_ended()

    def _at_exit(self) -> None:
        for view in list(self._made):  # JupyterLab has already closed the comms and would report messages as errors
            view.close(_KERNEL_ENDED, tells_browsers=False)
