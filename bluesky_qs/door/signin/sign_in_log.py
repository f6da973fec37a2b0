"""One line in the audit log for each sign-in and each change of users, keys and sessions. No line contains a secret."""

import getpass
import logging
import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from starlette.requests import HTTPConnection

logger = logging.getLogger("bluesky_qs.door.audit")


def audit_sign_in(
    connection: HTTPConnection, action: str, result: str, *, user: str = "", credential: str = "", owner: str = ""
) -> None:
    """Write the line. ``owner`` is the owner of the key or the session, if that is another user."""
    line = {
        "user": user,
        "credential": credential,
        "from": address_of(connection),
        "method": action,
        "for": owner,
        "result": result,
    }
    logger.info("%s", _encoded(line))


def command_line(action: str, owner: str) -> str:
    """The line about a change made by a command on this computer. A door writes it into its log."""
    account = getpass.getuser()
    by = os.environ.get("SUDO_USER")
    return _encoded(
        {
            "user": f"{by} (as {account})" if by and by != account else account,
            "credential": "command line",
            "from": socket.gethostname(),
            "method": action,
            "for": owner,
            "result": "accepted",
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )


def audit_command(line: str) -> None:
    """Write a line that a command stored in the sign-in database."""
    logger.info("%s", line)


def no_scope(scope: str) -> str:
    """The result of a request that the door refuses because a scope is missing."""
    return f"refused: needs the scope {scope}"


def address_of(connection: HTTPConnection) -> str:
    """The client's address; empty if it is unknown, as on a Unix socket."""
    return connection.client.host if connection.client else ""


def _encoded(line: Mapping[str, str]) -> str:
    return msgspec.json.encode({name: value for name, value in line.items() if value}).decode()
