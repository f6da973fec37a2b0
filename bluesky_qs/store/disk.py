"""Measures the free disk space for the queue. When no space is left, SQLite refuses changes."""

import shutil
from pathlib import Path
from typing import NamedTuple

#: Space is low below this number of bytes or this fraction of the disk (the smaller one), and nearly gone below
#: `_FULL`.
_LOW, _LOW_PART, _FULL = 500_000_000, 0.05, 20_000_000


class Space(NamedTuple):
    """The space on a disk, in bytes."""

    free: int
    total: int

    @property
    def is_low(self) -> bool:
        """Whether somebody should free space now."""
        return self.free < min(_LOW, _LOW_PART * self.total) or self.is_full

    @property
    def is_full(self) -> bool:
        """Whether changes are being refused, or soon will be."""
        return self.free < _FULL


def space_of(folder: Path) -> Space:
    """Return the space on the disk that holds a folder, or the nearest existing folder above it.

    Raises
    ------
    OSError
        The free space cannot be determined.
    """
    found = next((each for each in (folder, *folder.parents) if each.is_dir()), Path("/"))
    disk = shutil.disk_usage(found)
    return Space(disk.free, disk.total)
