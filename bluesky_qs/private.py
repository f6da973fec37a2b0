"""Makes folders, files and sockets that only their owner can use, regardless of the umask."""

import os
from pathlib import Path

_FOLDER, _FILE = 0o700, 0o600


def make_folder(path: Path) -> None:
    """Create a folder and all missing folders above it, unless the folder exists.

    `Path.mkdir` creates the folders above with the permissions that the umask allows, so that others could replace the
    folder.

    Raises
    ------
    OSError
    """
    try:
        path.mkdir(mode=_FOLDER, exist_ok=True)
    except FileNotFoundError:  # the folder above it is missing
        if path.parent == path:
            raise
        make_folder(path.parent)
        path.mkdir(mode=_FOLDER, exist_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a file. If it exists, remove other users' access to it.

    Raises
    ------
    OSError
    """
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE), "w", encoding="utf-8") as file:
        path.chmod(_FILE)
        file.write(text)


def close_socket(address: str) -> None:
    """Remove other users' access to a bound ``ipc://PATH`` socket. Its folder must already be private."""
    scheme, _, path = address.partition("://")
    if scheme == "ipc":
        Path(path).chmod(_FILE)
