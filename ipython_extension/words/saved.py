"""The queue in a file: readable lines, which can be queued again."""

import json
import os
import time
from pathlib import Path
from typing import NamedTuple

from IPython.core.error import UsageError

from bluesky_qs.words.planexpr import Item
from bluesky_qs.words.queue_text import item_line
from bluesky_qs.words.scanner import scan
from ipython_extension.session.session import Session
from ipython_extension.shown.display import ReplyView
from ipython_extension.shown.tables import plural
from ipython_extension.typed.line import Line, LineWord
from ipython_extension.words.typed_plans import TypedPlan, read_plans
from ipython_extension.words.vocabulary import word


class PlanFile(str):
    """The path of a file with plans, as it was typed."""

    __slots__ = ()

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self).expanduser()


@word("save", "FILE [--force]")
def save(session: Session, line: Line) -> ReplyView:
    """Write the queue to a file, one plan a line, as you would type it; %qs add --file FILE queues them again.

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
        f"# {count} of the queue, saved on {time.strftime('%Y-%m-%d at %H:%M:%S')}. Queue them with: %qs add --file"
    )
    text = "\n".join([header, *(item_line(item, known, read_line) for item in queue["items"])])
    try:
        _write(path, text + "\n")
    except OSError as error:
        raise line.fault(f"{path} cannot be written: {error.strerror}", words[0].start) from None
    return ReplyView({"file": str(path)}, f"Saved {count} to {path}.")


def _write(path: Path, text: str) -> None:
    """Write the file whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read_line(text: str) -> Item | None:
    """The only item on a line; None if there is no such item."""
    try:
        plans = _read(Line(text, objection=_no_objection))
    except UsageError:
        return None
    return plans[0].item if len(plans) == 1 else None


class FileItem(NamedTuple):
    """An item of a file, and the number of its line."""

    item: Item
    line: int


def read_file(line: Line, token: LineWord) -> list[FileItem]:
    """The items in a file, as `save` writes them or a person does; ``$name`` is a variable of this session."""
    path = PlanFile(token.text).path
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise line.fault(f"{path} cannot be read: {reason}", token.start) from None
    items: list[FileItem] = []
    text, first = "", 1
    for number, each in enumerate(lines, start=1):
        text, first = (f"{text}\n{each}", first) if text else (each, number)
        if scan(text).faults and number < len(lines):  # a bracket is still open
            continue
        try:
            items += [FileItem(item, first) for item in _items(text, line)]
        except UsageError as error:
            raise UsageError(f"{path}, line {first}: {error}") from None
        text = ""
    if not items:
        raise line.fault(f"{path} contains no plans", token.start)
    return items


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
    """Take any name: what is saved is compared with what is queued."""
