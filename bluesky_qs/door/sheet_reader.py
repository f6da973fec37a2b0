"""Reads uploaded spreadsheets. Large ones are read in a separate process, so that other requests do not wait.

``python -m bluesky_qs.door.sheet_reader NAME`` reads the file from standard input and writes a `ReadSheet` or, with
``--preview``, a `SheetPreview`.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from bluesky_qs.wire.codec import decode, json_text
from bluesky_qs.words.sheet_preview import SheetPreview, read_preview
from bluesky_qs.words.spreadsheet import SpreadsheetError, read_items

_T = TypeVar("_T")

#: Files up to this number of bytes are read in a thread, because starting a process would take longer.
_SMALL = 50_000
_PREVIEW = "--preview"
#: The process has a lower priority than the manager and the door.
_NICE = 10


class ReadSheet(NamedTuple):
    """The plans of a spreadsheet.

    Attributes
    ----------
    items
        A list of items, as JSON text.
    places, columns
        The places of the rows and arguments, as in `SheetItems`.
    """

    items: bytes
    places: list[str]
    columns: list[Mapping[int | str, str]]


class SheetReader:
    """Reads one spreadsheet at a time, because a large one takes several seconds and a hundred megabytes.

    Parameters
    ----------
    command
        The command that starts the process for a large file; the file name is added to it.
    """

    def __init__(self, command: Sequence[str] = (sys.executable, "-P", "-m", __name__)) -> None:
        self._command = command
        self._turn = asyncio.Lock()

    async def read(self, data: bytes, name: str) -> ReadSheet:
        """Read a file.

        Raises
        ------
        SpreadsheetError
            The file is not a spreadsheet, cells are wrong, or the process failed.
        """
        async with self._turn:
            if len(data) <= _SMALL:
                return await asyncio.to_thread(_read, data, name)
            return await self._read_apart(_SHEET, data, name)

    async def preview(self, data: bytes, name: str) -> SheetPreview:
        """Read a file, even if cells are invalid.

        Raises
        ------
        SpreadsheetError
            The file is not a spreadsheet, or the process failed.
        """
        async with self._turn:
            if len(data) <= _SMALL:
                return await asyncio.to_thread(read_preview, data, name)
            items, found = await self._read_apart(_PARTS, data, name, _PREVIEW)
            plans = zip(found.plans, decode(items), strict=True)
            return found._replace(plans=[plan._replace(item=item) for plan, item in plans])

    async def _read_apart(
        self, written_as: msgspec.msgpack.Decoder[_T | str], data: bytes, name: str, *options: str
    ) -> _T:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*self._command, name, *options, stdin=pipe, stdout=pipe)
        try:
            written, _ = await process.communicate(data)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise SpreadsheetError(f"{name} cannot be read: the process that reads it failed. Split the file")
        found = written_as.decode(written)
        if isinstance(found, str):
            raise SpreadsheetError(found)
        return found


def _read(data: bytes, name: str) -> ReadSheet:
    items = read_items(data, name)
    return ReadSheet(json_text(items), items.places, items.columns)


def _preview(data: bytes, name: str) -> tuple[bytes, SheetPreview]:
    """The items of a preview as JSON, and the rest.

    JSON can hold all numbers that items may contain; MessagePack cannot.
    """
    found = read_preview(data, name)
    plans = [plan._replace(item={}) for plan in found.plans]
    return json_text([plan.item for plan in found.plans]), found._replace(plans=plans)


#: Decode the output of the process. If it is text, it is the reason why the file cannot be read.
_SHEET: msgspec.msgpack.Decoder[ReadSheet | str] = msgspec.msgpack.Decoder(ReadSheet | str)
_PARTS: msgspec.msgpack.Decoder[tuple[bytes, SheetPreview] | str] = msgspec.msgpack.Decoder(
    tuple[bytes, SheetPreview] | str
)


def _main() -> None:
    os.nice(_NICE)
    name, *options = sys.argv[1:]
    read: Callable[[bytes, str], object] = _preview if _PREVIEW in options else _read
    try:
        found = read(sys.stdin.buffer.read(), name)
    except SpreadsheetError as error:
        found = error.message
    sys.stdout.buffer.write(msgspec.msgpack.encode(found))


if __name__ == "__main__":
    _main()
