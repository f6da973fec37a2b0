"""Saves the queue to a file with readable lines, and queues them again."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from IPython.core.error import UsageError

from bluesky_qs.client.failures import RequestFailedError, failure
from bluesky_qs.errors import QSError
from bluesky_qs.words.planexpr import Item
from bluesky_qs.words.queue_text import item_line
from bluesky_qs.words.scanner import scan
from bluesky_qs.words.sheet_cells import SpreadsheetError, is_spreadsheet
from bluesky_qs.words.spreadsheet import SheetItems, naming_rows, read_items, write_template
from ipython_extension.session.session import Session
from ipython_extension.shown.display import ReplyView
from ipython_extension.shown.tables import plural
from ipython_extension.typed.line import Line, LineWord
from ipython_extension.words.typed_plans import TypedPlan, read_plans
from ipython_extension.words.vocabulary import word

T = TypeVar("T")
_LEAD = "Plan validation failed: "


class PlanFile(str):
    """The typed path of a file with plans."""

    __slots__ = ()

    @property
    def path(self) -> Path:
        """The file's path, with ``~`` replaced by the home directory."""
        return Path(self).expanduser()


@word("save", "FILE [--force]")
def save(session: Session, line: Line) -> ReplyView:
    """Write the queue to a file, one plan per line, as you would type it; %qs add --file FILE queues them again.

    You can edit the file. An existing file is replaced only with --force.

        %qs save tonight.txt
        %qs add --file tonight.txt
    """
    words, given = line.words({"--force": None})
    if len(words) != 1:
        raise line.fault("Expected the name of one file")
    path = PlanFile(words[0].text).path
    if path.exists() and "force" not in given:
        raise line.fault(f"{path} exists. To replace it: %qs save {words[0].text} --force", words[0].start)
    queue = session.line_queue()
    if not queue["items"]:
        return ReplyView({}, "The queue is empty. Nothing was saved.")
    count = plural(len(queue["items"]), "item")
    known = session.known()
    header = (
        f"# {count} from the queue, saved on {time.strftime('%Y-%m-%d at %H:%M:%S')}. "
        f"Queue them with: %qs add --file {words[0].text}"
    )
    text = "\n".join([header, *(item_line(item, known, read_line) for item in queue["items"])])
    try:
        _write(path, text + "\n")
    except OSError as error:
        raise line.fault(f"{path} cannot be written: {error.strerror}", words[0].start) from None
    return ReplyView({"file": str(path)}, f"Saved {count} to {path}.")


def write_spreadsheet(session: Session, plan: str, file: str = "") -> ReplyView:
    """Write an empty spreadsheet for a plan. This is the ``qserver`` command ``spreadsheet``."""
    path = PlanFile(file or f"{plan}.csv").path
    try:
        write_template(path, plan, session.rm.plans_allowed()["plans_allowed"])
    except SpreadsheetError as error:
        raise UsageError(error.message) from None
    return ReplyView({"file": str(path)}, f"Wrote {path}. Fill in a row for each plan, then: %qs add --file {path}")


def _write(path: Path, text: str) -> None:
    """Write the whole file or nothing."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read_line(text: str) -> Item | None:
    """The item on a line that has exactly one item; otherwise None."""
    try:
        plans = _read(Line(text, objection=_no_objection))
    except UsageError:
        return None
    return plans[0].item if len(plans) == 1 else None


class FileItem(NamedTuple):
    """An item from a file, its place there, and its line number if the file has lines."""

    item: Item
    place: str
    number: int = 0


class FileFaults(UsageError):
    """Lines of a file cannot be read; ``items`` are the items on its other lines."""

    def __init__(self, path: Path, faults: Mapping[int, str], items: Sequence[FileItem]) -> None:
        super().__init__("\n".join(f"{path}, line {number}: {fault}" for number, fault in sorted(faults.items())))
        self.path = path
        self.faults = faults
        self.items = items

    def with_refusals(self, session: Session) -> "FileFaults":
        """Add errors in the other lines, if the service can check plans without queuing them."""
        with suppress(QSError):
            results = session.rm.item_check(items=[each.item for each in self.items])["results"] if self.items else ()
            refused = {
                each.number: f"{result['msg']}".removeprefix(_LEAD)
                for each, result in zip(self.items, results, strict=True)
                if not result["success"]
            }
            return FileFaults(self.path, {**refused, **self.faults}, self.items)
        return self


def read_file(line: Line, token: LineWord) -> list[FileItem]:
    """The items in a spreadsheet, or in a text file from `save` or a user.

    In a text file, ``$name`` is a variable of this session.
    """
    path = PlanFile(token.text).path
    if is_spreadsheet(path.name):
        found = read_sheet_file(line, token, read_items)
        return [FileItem(item, place) for item, place in zip(found, found.places, strict=True)]
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise line.fault(f"{path} cannot be read: {reason}", token.start) from None
    items: list[FileItem] = []
    faults: dict[int, str] = {}
    text, first = "", 1
    for number, each in enumerate(lines, start=1):
        text, first = (f"{text}\n{each}", first) if text else (each, number)
        if scan(text).faults and number < len(lines):  # a bracket is still open, so the next line belongs to the plan
            continue
        try:
            items += [FileItem(item, f"line {first} of the file", first) for item in _items(text, line)]
        except UsageError as error:
            faults[first] = str(error)
        text = ""
    if faults:
        raise FileFaults(path, faults, items)
    if not items:
        raise line.fault(f"{path} contains no plans", token.start)
    return items


def read_sheet_file(line: Line, token: LineWord, read: Callable[[bytes, str], T]) -> T:
    """The items in a spreadsheet. An error points to the file name on the line, or names the wrong cells."""
    path = PlanFile(token.text).path
    try:
        return read(path.read_bytes(), str(path))
    except OSError as error:
        raise line.fault(f"{path} cannot be read: {error.strerror}", token.start) from None
    except SpreadsheetError as error:
        raise UsageError(error.message) from None


@contextmanager
def naming_sheet_rows(items: object) -> Iterator[None]:
    """In a refusal of items that come from a spreadsheet, name their rows."""
    try:
        yield
    except RequestFailedError as error:
        if not isinstance(items, SheetItems):
            raise
        raise failure(error.request, naming_rows(error.response, items)) from None


def _items(text: str, command: Line) -> list[Item]:
    if text.lstrip().startswith("{"):
        try:
            return [json.loads(text)]
        except ValueError as error:
            raise UsageError(f"This is not valid JSON: {error}") from None
    line = Line(text, session=command.session, objection=command.objection)
    return [plan.item for plan in _read(line)] if line.more() else []


def _read(line: Line) -> list[TypedPlan]:
    return read_plans(line, {})[0]


def _no_objection(_name: str) -> None:
    """A container that accepts any name, because the saved items are compared with the queued ones."""
