"""A disk that loses power: of what was written after the last wait for the disk, some of it may be missing."""

import random
from pathlib import Path

from tests.contract.power_cut.recording import Step

#: What a disk writes at once.
_SECTOR = 512


class File:
    """A file: what is on the disk for certain, and the writes after the last sync, in order."""

    def __init__(self) -> None:
        self.durable = bytearray()
        self.pending: list[Step] = []

    def sync(self) -> None:
        for step in self.pending:
            _apply(self.durable, step)
        self.pending.clear()

    def after_a_power_cut(self, rng: random.Random) -> bytes:
        """What may be found: any of the pending writes are missing, and others are there in part."""
        content = bytearray(self.durable)
        share = rng.choice([0.0, 0.5, 0.9, 1.0])
        for step in self.pending:
            if rng.random() >= share:
                continue
            if step.kind == "write" and len(step.data) > _SECTOR and rng.random() < 0.1:
                step = step._replace(data=step.data[: _SECTOR * rng.randrange(len(step.data) // _SECTOR)])  # noqa: PLW2901
            _apply(content, step)
        return bytes(content)


class Disk:
    """The files of one folder. Changes of the folder itself reach the disk in order, and with a sync of the folder."""

    def __init__(self) -> None:
        self.files: dict[int, File] = {}
        self._durable: dict[str, int] = {}
        self._pending: list[Step] = []

    def do(self, step: Step) -> None:
        """Repeat one step of a recording."""
        match step.kind:
            case "create":
                self.files[step.file] = File()
                self._pending.append(step)
            case "unlink":
                self._pending.append(step)
            case "sync folder":
                self._durable = self._names(len(self._pending))
                self._pending.clear()
            case "sync":
                self.files[step.file].sync()
            case "write" | "truncate":
                self.files[step.file].pending.append(step)
            case _:
                raise AssertionError(step.kind)

    def lose_power(self, folder: Path, rng: random.Random) -> None:
        """Write into this folder what may be found afterwards."""
        for name, file in self._names(rng.randint(0, len(self._pending))).items():
            if not name.endswith("-shm"):  # memory that processes share; it does not outlive them
                (folder / name).write_bytes(self.files[file].after_a_power_cut(rng))

    def _names(self, count: int) -> dict[str, int]:
        names = dict(self._durable)
        for step in self._pending[:count]:
            if step.kind == "create":
                names[step.name] = step.file
            else:
                names.pop(step.name, None)
        return names


def _apply(content: bytearray, step: Step) -> None:
    if step.kind == "truncate":
        del content[step.offset :]
        content.extend(bytes(step.offset - len(content)))
    else:
        content.extend(bytes(max(0, step.offset - len(content))))
        content[step.offset : step.offset + len(step.data)] = step.data
