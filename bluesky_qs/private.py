"""Makes folders, files and sockets that only their user can use, whatever the umask permits."""

import os
from pathlib import Path

_FOLDER, _FILE = 0o700, 0o600


def make_folder(path: Path) -> None:
    """Create a folder, and each missing folder above it, unless it exists.

    `Path.mkdir` gives the folders above it the permissions of the umask, so others could replace the folder.

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
    """Write a file, and close it to others if it exists.

    Raises
    ------
    OSError
    """
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE), "w", encoding="utf-8") as file:
        path.chmod(_FILE)
        file.write(text)


def close_socket(address: str) -> None:
    """Close a bound socket to others, if its address is ``ipc://PATH``. Its folder must be private already."""
    scheme, _, path = address.partition("://")
    if scheme == "ipc":
        Path(path).chmod(_FILE)
