"""The runtime directory of a running service: a private folder with its settings and its sockets.

=================  ==================================================================================
``settings.json``  the service's `Settings`
``s``              link of the supervisor, which binds it
``p``              publications: two-frame messages that are pushed here are published unchanged
``f``              everything that the info socket publishes, and always the console (with the HTTP door)
``c``              the control socket, for the HTTP door
``w-N``            link of worker number N, which binds it
``w-N.own``        path of a file elsewhere that is removed after the worker ends
``all.own``        path of a file elsewhere that is removed after the service ends
``w-N.last``       notes of the worker while it runs startup code (`ipc.last_words`)
=================  ==================================================================================

The manager is started as ``python -m bluesky_qs.manager DIR --parent-pipe FD``, a worker as
``python -m bluesky_qs.worker ipc://DIR/w-N --parent-pipe FD``, and the HTTP door as ``python -m bluesky_qs.door DIR
--listen FD --beat FD --parent-pipe FD``. Without a door, ``bluesky_qs.metrics`` may take the door's place and use its
sockets.
"""

import contextlib
import os
import re
from pathlib import Path

import msgspec

from bluesky_qs.config.schema import Settings
from bluesky_qs.private import write_text

SETTINGS_FILE = "settings.json"
#: Longest path of a Unix socket; macOS has the shorter limit.
SOCKET_PATH_LIMIT = 103


class RuntimeDir:
    """The folder with this path. The supervisor creates, owns and removes it (`supervisor.rundir`)."""

    def __init__(self, path: "str | os.PathLike[str]") -> None:
        self.path = Path(path)

    @classmethod
    def of_link(cls, address: str) -> "RuntimeDir":
        """Return the folder of this link's socket."""
        return cls(Path(address.removeprefix("ipc://")).parent)

    @property
    def supervisor_link(self) -> str:
        """Address of the supervisor's link."""
        return f"ipc://{self.path}/s"

    @property
    def publications(self) -> str:
        """Address to which the manager pushes messages for publication."""
        return f"ipc://{self.path}/p"

    @property
    def feed(self) -> str:
        """Address where the HTTP door subscribes to everything, including the console."""
        return f"ipc://{self.path}/f"

    @property
    def control(self) -> str:
        """Address of the control socket for the HTTP door."""
        return f"ipc://{self.path}/c"

    def worker_link(self, number: int) -> str:
        """Address of a worker's link."""
        return f"ipc://{self.path}/w-{number}"

    @staticmethod
    def last_words(link: str) -> Path:
        """Path of the notes of this link's worker (`ipc.last_words`)."""
        return Path(link.removeprefix("ipc://") + ".last")

    def save_settings(self, settings: Settings) -> None:
        """Write the settings, readable by the owner only, because they may contain keys."""
        file = os.open(self.path / SETTINGS_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "wb") as stream:
            stream.write(msgspec.json.encode(settings))

    def load_settings(self) -> Settings:
        """Return the settings of the running service."""
        return msgspec.json.decode((self.path / SETTINGS_FILE).read_bytes(), type=Settings)

    def own(self, link: str, file: Path) -> None:
        """Record a file that a worker made elsewhere. It is removed after the worker ends, for any reason."""
        write_text(_owned(link), str(file))

    def own_for_all(self, file: Path) -> None:
        """Record a file that a worker made elsewhere and that later workers use too.

        It is removed after the service ends.
        """
        write_text(self.path / f"all{_OWNED}", str(file))

    def clear(self, link: str) -> None:
        """Remove the socket of a worker that has ended, and the file that it made elsewhere."""
        with contextlib.suppress(OSError):
            Path(_owned(link).read_text()).unlink(missing_ok=True)
        for left in (_owned(link), self.last_words(link), Path(link.removeprefix("ipc://"))):
            with contextlib.suppress(OSError):
                left.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder and its files; do nothing if it does not exist. It contains no folders."""
        try:
            for owned in self.path.glob(f"*{_OWNED}"):
                self.clear(f"ipc://{owned.with_suffix('')}")
            for entry in os.scandir(self.path):
                Path(entry.path).unlink(missing_ok=True)
            self.path.rmdir()
        except FileNotFoundError:
            return


_OWNED = ".own"


def _owned(link: str) -> Path:
    return Path(link.removeprefix("ipc://") + _OWNED)


#: Names of runtime directories. The number is the pid of the supervisor.
NAME = re.compile(r"bluesky-qs-(\d+)-[0-9a-f]{8}")
