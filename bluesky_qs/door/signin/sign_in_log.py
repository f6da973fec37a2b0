"""One line in the audit log for each sign-in and each change of keys and sessions. No line has a secret."""

import logging

import msgspec
from starlette.requests import HTTPConnection

logger = logging.getLogger("bluesky_qs.door.audit")


def audit_sign_in(
    connection: HTTPConnection, action: str, result: str, *, user: str = "", credential: str = ""
) -> None:
    """Write the line."""
    line = {
        "user": user,
        "credential": credential,
        "from": address_of(connection),
        "method": action,
        "result": result,
    }
    logger.info("%s", msgspec.json.encode({name: value for name, value in line.items() if value}).decode())


def address_of(connection: HTTPConnection) -> str:
    """The address of the client; empty if it is not known, as on a Unix socket."""
    return connection.client.host if connection.client else ""
