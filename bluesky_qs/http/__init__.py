"""The HTTP client: ``from bluesky_qs.http import REManagerAPI``, like the module of bluesky-queueserver-api.

Without an address, it uses ``QSERVER_HTTP_SERVER_URI`` or, if that is not set, a server on this computer.
"""

from bluesky_qs.client import sync
from bluesky_qs.client.http_settings import OverHTTP
from bluesky_qs.client.items import BFunc, BInst, BItem, BPlan
from bluesky_qs.client.wait import WaitMonitor

__all__ = ["BFunc", "BInst", "BItem", "BPlan", "REManagerAPI", "WaitMonitor"]


class REManagerAPI(OverHTTP, sync.REManagerAPI):
    """The Queue Server over HTTP, with one method per method of the service.

    Methods, waits, monitors and other parameters are those of `bluesky_qs.REManagerAPI`.

    Parameters
    ----------
    http_server_uri
        Address of the server. The default is ``QSERVER_HTTP_SERVER_URI`` or, if that is not set,
        ``http://localhost:60610``.
    http_auth_provider
        The path to which `login` sends the name and the password, such as ``/site/token``.
    timeout, timeout_login
        Seconds to wait for a reply, and for the reply to a sign-in; 0 waits forever.

    For example::

        RM = REManagerAPI(http_server_uri="https://beamline.example")
        RM.login("ana")
        RM.queue_item_add(BPlan("count", ["det1"], num=5))
    """
