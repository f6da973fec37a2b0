"""Reads the files of a running door again: the permissions and the certificate. Streams and sessions continue."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from bluesky_qs.door.door import Door
from bluesky_qs.door.settings import DoorSettings
from bluesky_qs.errors import QSError

logger = logging.getLogger(__name__)

#: Reads files and options again.
Read = Callable[[], DoorSettings]
#: Uses a certificate and its private key for new connections.
UseCertificate = Callable[[Path, Path | None], None]


class Reloading:
    """Reloads the settings of a door.

    Parameters
    ----------
    read
        Called in a separate thread.
    use_certificate
        None if the door does not use TLS.
    """

    def __init__(self, door: Door, read: Read, use_certificate: UseCertificate | None) -> None:
        self._door = door
        self._read = read
        self._use_certificate = use_certificate
        self._turn = asyncio.Lock()

    async def __call__(self) -> None:
        """Reload. If there is an error, the old settings stay in effect, and the log shows the error."""
        async with self._turn:
            try:
                await self._reload()
            except QSError as error:
                reason = error.message  # a traceback would not help
                logger.error("Not reloaded; the old settings stay in effect: %s", reason)  # noqa: TRY400
            except Exception:  # the door must continue after any error
                logger.exception("Not reloaded, because of an unexpected error")

    async def _reload(self) -> None:
        old, new = self._door.settings, await asyncio.to_thread(self._read)
        await self._door.sign_in.reload(new)
        if self._use_certificate is not None and new.certificate is not None:
            self._use_certificate(new.certificate, new.private_key)
        self._door.settings = msgspec.structs.replace(old, sign_in=new.sign_in)
        logger.info("Reloaded: who may use the HTTP door%s", " and its certificate" if self._use_certificate else "")
        if fixed := _fixed(old, new):
            logger.warning("Restart the HTTP door to apply the changes in: %s", ", ".join(fixed))


def _fixed(old: DoorSettings, new: DoorSettings) -> list[str]:
    """Names of changed settings that need a restart, as in the configuration file."""
    sections = {
        "uvicorn": ("host", "port", "root_path", "behind_proxy", "proxies", "certificate", "private_key"),
        "qserver_zmq_configuration, instruments": ("services",),
        "allow_origins": ("allow_origins",),
    }
    found = [
        section
        for section, names in sections.items()
        if any(getattr(old, name) != getattr(new, name) for name in names)
    ]
    if old.single_user.key != new.single_user.key:
        found.append("authentication.single_user_api_key")
    if old.sign_in.database != new.sign_in.database:
        found.append("database")
    return found
