"""The client over HTTP for asyncio: ``from bluesky_qs.http.aio import REManagerAPI``."""

from typing import Any

from bluesky_qs.client import aio
from bluesky_qs.client.http_settings import http_settings
from bluesky_qs.client.items import BFunc, BInst, BItem, BPlan
from bluesky_qs.client.wait import WaitMonitor

__all__ = ["BFunc", "BInst", "BItem", "BPlan", "REManagerAPI", "WaitMonitor"]


class REManagerAPI(aio.REManagerAPI):
    """The Queue Server over HTTP, with one coroutine per method of the service.

    Parameters are those of `bluesky_qs.http.REManagerAPI`.
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
