"""The file with a door's generated key. Only its owner can read it."""

import logging
import os
import secrets
import stat
import tempfile
from pathlib import Path

import platformdirs

from bluesky_qs.errors import ConfigError
from bluesky_qs.private import make_folder

logger = logging.getLogger(__name__)


def default_key_file() -> Path:
    """The path of the file for a generated key."""
    return platformdirs.user_data_path("bluesky_qs") / "http-key"


def key_in(file: Path) -> str:
    """The key in the file, or a new key if there is no file yet. The key stays the same when the door is restarted.

    Raises
    ------
    ConfigError
        The file cannot be read or written, others can read it, or it does not contain a key.
    """
    try:
        if not file.exists():
            _write_key(file)
        with file.open(encoding="ascii") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            key = opened.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it contains bytes that are not text"
        raise ConfigError(f"The file with the key, {file}, cannot be used: {reason}") from None
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigError(
            f"Others can read the file with the key: run chmod 600 {file}, or delete the file to get a new key"
        )
    if not key.isalnum():
        raise ConfigError(f"The file {file} must contain a key of letters and digits. Delete the file to get a new key")
    return key


def _write_key(file: Path) -> None:
    """Write a new key atomically, unless another process does so first."""
    make_folder(file.parent)
    handle, written = tempfile.mkstemp(dir=file.parent)  # readable by its owner only
    try:
        with open(handle, "w", encoding="ascii") as opened:  # noqa: PTH123 - a descriptor
            opened.write(secrets.token_hex(32) + "\n")
        os.link(written, file)
    except FileExistsError:
        logger.debug("Another process has just written %s", file)
    finally:
        os.unlink(written)  # noqa: PTH108 - a name, as mkstemp gives it
