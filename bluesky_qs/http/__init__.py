"""The client over HTTP: ``from bluesky_qs.http import REManagerAPI``, like the module of bluesky-queueserver-api.

Without an address it uses ``QSERVER_HTTP_SERVER_URI``, or else a server on this computer.
"""

from typing import Any

from bluesky_qs.client import sync
from bluesky_qs.client.http_settings import http_settings
from bluesky_qs.client.items import BFunc, BInst, BItem, BPlan
from bluesky_qs.client.wait import WaitMonitor

__all__ = ["BFunc", "BInst", "BItem", "BPlan", "REManagerAPI", "WaitMonitor"]


class REManagerAPI(sync.REManagerAPI):
    """The Queue Server over HTTP, with one method per method of the service.

    Methods, waits, monitors and other parameters are those of `bluesky_qs.REManagerAPI`.

    Parameters
    ----------
    http_server_uri
        Address of the server; without it ``QSERVER_HTTP_SERVER_URI``, or else ``http://localhost:60610``.
    http_auth_provider
        Where `login` sends name and password, such as ``/site/token``.
    timeout, timeout_login
        Seconds to wait for a reply, and for the reply to a sign-in; 0 waits forever.

    For example::

        RM = REManagerAPI(http_server_uri="https://beamline.example")
        RM.login("ana")
        RM.queue_item_add(BPlan("count", ["det1"], num=5))
    """

    def __init__(
        self,
        *,
        http_server_uri: str | None = None,
        http_auth_provider: str | None = None,
        timeout: float | None = 5.0,
        timeout_login: float | None = 60.0,
        **others: Any,
    ) -> None:
        super().__init__(
            http_server_uri=http_settings(server_uri=http_server_uri).server_uri,
            http_auth_provider=http_auth_provider,
            timeout=timeout,
            timeout_login=timeout_login,
            **others,
        )
