"""The free space for the queue. SQLite refuses changes when there is none left."""

import shutil
from pathlib import Path
from typing import NamedTuple

#: There is little space below the smaller one of these bytes and this part of the disk, and hardly any below `_FULL`.
_LOW, _LOW_PART, _FULL = 500_000_000, 0.05, 20_000_000


class Space(NamedTuple):
    """Bytes of a disk."""

    free: int
    total: int

    @property
    def is_low(self) -> bool:
        """Whether somebody should free space now."""
        return self.free < min(_LOW, _LOW_PART * self.total) or self.is_full

    @property
    def is_full(self) -> bool:
        """Whether changes will be refused soon, or are refused already."""
        return self.free < _FULL


def space_of(folder: Path) -> Space:
    """Return the space of the disk with a folder, or with the nearest existing one above it.

    Raises
    ------
    OSError
        The disk cannot be read.
    """
    found = next((each for each in (folder, *folder.parents) if each.is_dir()), Path("/"))
    disk = shutil.disk_usage(found)
    return Space(disk.free, disk.total)
