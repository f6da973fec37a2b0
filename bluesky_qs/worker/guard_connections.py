"""Blocks the use of connections that were open before the fork.

The descriptors of these connections do not work in a dry run. Some libraries do not notice this; others raise an error
that a real run would not raise. This module refuses their calls, so that the report names them.
"""

import errno
import os
import sys
from collections.abc import Callable
from functools import reduce
from typing import Any, NoReturn

from bluesky_qs.worker.guard import Blocked, OnBlocked, described

#: Standard output and error, which discard everything.
_OUTPUT = (1, 2)
_SENDING = ("send", "sendall", "sendto", "sendmsg", "sendfile", "write")
_RECEIVING = ("recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg", "read")
#: Functions and methods of libraries that talk to hardware: the module, the class (or none) and the names.
_CALLS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("socket", "socket", (*_SENDING[:-1], *_RECEIVING[:-1])),
    ("socket", "", ("socketpair",)),  # Python has no audit event for these
    ("ssl", "SSLSocket", (*_SENDING, *_RECEIVING)),
    ("os", "", ("writev", "pwrite", "pwritev", "sendfile")),
    ("epics.ca", "", ("put",)),
    ("epicscorelibs.ca.cadef", "", ("ca_array_put", "ca_array_put_callback")),
    ("p4p.client.raw", "Context", ("put", "rpc")),
    ("zmq.sugar.socket", "Socket", ("send", "send_multipart", "recv", "recv_multipart")),
    ("serial", "Serial", ("write", "read")),
    ("tango", "DeviceProxy", ("write_attribute", "write_attributes", "command_inout", "write_read_attribute")),
)
#: The description of an error from a connection or a file, if none of the calls above raised it.
_OPEN_BEFORE = "a file or connection that was already open"


def refuse_connections(on_blocked: OnBlocked) -> None:
    """From now on, refuse to send and receive on connections that were already open."""
    for module, kind, names in _CALLS:
        owner = reduce(lambda found, name: getattr(found, name, None), [kind] if kind else [], sys.modules.get(module))
        for name in names:
            if owner is not None and hasattr(owner, name):
                setattr(owner, name, _blocker(f"{kind or module}.{name}", on_blocked))
    write = os.write

    def checked_write(descriptor: int, data: Any, /) -> int:
        if descriptor in _OUTPUT:
            return write(descriptor, data)
        return _blocker("os.write", on_blocked)(descriptor, data)

    os.write = checked_write


def open_before(error: BaseException) -> str:
    """Return a description if the error comes from a descriptor that does not work here; otherwise an empty string."""
    return _OPEN_BEFORE if isinstance(error, OSError) and error.errno == errno.EBADF else ""


def _blocker(name: str, on_blocked: OnBlocked) -> Callable[..., NoReturn]:
    def blocked(*args: Any, **_options: Any) -> NoReturn:
        call = described(name, args)
        on_blocked(call)
        raise Blocked(f"A dry run does not allow {call}")

    return blocked
