"""Results of ``%qs`` commands: replies from the service that can display themselves."""

import html
import sys
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

from bluesky_qs.client.identity import shown_user
from bluesky_qs.words.planexpr import Item
from bluesky_qs.words.plantext import plan_text
from ipython_extension.shown import times_text
from ipython_extension.shown.colors import in_colors
from ipython_extension.shown.metadata import metadata_text
from ipython_extension.shown.notebook_html import in_one_typeface, preformatted
from ipython_extension.shown.status_text import (
    flags_text,
    is_held,
    is_suspended,
    last_sentence,
    progress_text,
    status_sentence,
    waiting_sentence,
)
from ipython_extension.shown.tables import (
    Row,
    Table,
    plural,
    roomiest,
    terminal_width,
    wrapped,
)

_WIDE = 110
#: Width in columns of an ``Out[12]: `` prompt.
_PROMPT = 10
#: Wide enough so that nothing is cut.
_UNCUT = 100_000


class View:
    """Displays itself as text in a terminal and as HTML in a notebook.

    Attributes
    ----------
    show_here
        A function that shows data in place of the cell's progress display, and returns whether it could do so; None if
        there is no such display.
    """

    show_here: Callable[[dict[str, str]], bool] | None = None

    def text(self, width: int) -> str:
        """Return the text for a terminal of that width."""
        raise NotImplementedError

    def html(self) -> str:
        """Return the HTML for a notebook."""
        return preformatted(self.text(_WIDE))

    def _repr_pretty_(self, p: Any, cycle: bool) -> None:
        with in_colors():
            p.text("…" if cycle else self._for_terminal(terminal_width()))

    def _repr_html_(self) -> str:
        return in_one_typeface(self.html())

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "show_here"}

    def _ipython_display_(self) -> None:
        if self.show_here is None:
            raise NotImplementedError  # IPython shows it as usual
        from IPython.lib.pretty import pretty  # noqa: PLC0415 - a terminal does not need it

        if not self.show_here({"text/plain": pretty(self), "text/html": self._repr_html_()}):
            raise NotImplementedError

    def _for_terminal(self, width: int) -> str:
        """Return the text. A single line has less room, because it follows ``Out[12]: ``."""
        narrower, wide = self._fitted(width - _PROMPT), self._fitted(width)
        return wide if "\n" in wide else narrower

    def _fitted(self, width: int) -> str:
        """Return the text, with long lines broken at spaces for a terminal."""
        return wrapped(self.text(width), width) if sys.stdout.isatty() else self.text(width)


class ReplyView(View, dict[str, Any]):
    """A reply from the service, displayed as one sentence. It is a dictionary with all keys of the reply."""

    def __init__(self, reply: Mapping[str, Any], sentence: str = "") -> None:
        super().__init__(reply)
        self.sentence = sentence

    def text(self, width: int) -> str:
        return self.sentence or _rest(self, width)

    def brief(self, width: int | None) -> str:
        """Return the text for a line whose result is not shown."""
        return self.text(width or _WIDE)


class Items(View, list[Item]):
    """Queue items, displayed as a table. String keys give access to the reply: ``items["running_item"]``."""

    def __init__(self, items: Iterable[Item], reply: Mapping[str, Any], known: Container[str]) -> None:
        super().__init__(items)
        self.reply = reply
        self.known = known

    def __getitem__(self, key: Any) -> Any:
        return self.reply[key] if isinstance(key, str) else super().__getitem__(key)

    def plan(self, item: Item) -> str:
        """The item as you would type it."""
        return plan_text(item, self.known)


def others(items: Iterable[Item], me: str) -> bool:
    """Whether any of these items belongs to a user other than ``me``."""
    return any(item.get("user") != me for item in items)


class QueueView(Items):
    """A snapshot of the queue: the running item, then the queued ones with their positions."""

    def __init__(
        self,
        reply: Mapping[str, Any],
        known: Container[str] = (),
        *,
        status: Mapping[str, Any] | None = None,
        rows: int = 20,
        faults: Mapping[str, str] | None = None,
        me: str = "",
    ) -> None:
        super().__init__(reply["items"], reply, known)
        self.me = me
        self.faults = faults or {}
        #: Warnings about plans that may fail, by uid.
        self.doubts: Mapping[str, str] = {}
        #: Problems that dry runs have found in queued plans, by uid.
        self.findings: Mapping[str, str] = {}
        #: The reply to ``estimates_get``; empty if no estimates were requested.
        self.estimates: Mapping[str, Any] = {}
        #: A time of interest: the item that will run then is marked.
        self.until: float | None = None
        self.running: Item = reply.get("running_item") or {}
        self.status = status or {}
        self.rows = rows

    @property
    def title(self) -> str:
        if not self:
            return "The queue is empty. To add a plan: %qs add" if not self.running else "Nothing more in the queue."
        faults = f"; {len(self.faults)} cannot run now" if self.faults else ""
        return f"{plural(len(self), 'item')} in the queue{faults}{self._takes()}{flags_text(self.status)}"

    def _takes(self) -> str:
        if not self.estimates:
            return ""
        is_loop = bool((self.status.get("plan_queue_mode") or {}).get("loop"))
        text = times_text.queue_text(
            self.estimates["queue"], is_running=bool(self.running), is_loop=is_loop, is_held=is_held(self.status)
        )
        return f"; {text}" if text else ""

    def _estimate(self, item: Item) -> Mapping[str, Any] | None:
        return (self.estimates.get("estimates") or {}).get(item["item_uid"])

    def _state_of(self, item: Item) -> str:
        """How long a queued item takes, and when it starts."""
        estimate = self._estimate(item)
        return (times_text.item_text(estimate, is_held=is_held(self.status)) if estimate else "") or "queued"

    def text(self, width: int) -> str:
        # Almost all items are simply queued, so a narrow terminal need not show their states.
        table = roomiest([self._table(), self._table(has_states=False)], width)
        parts = [self.title] if not table.rows else [self.title, table.text(width)]
        return "\n".join([*parts, *self._more()])

    def html(self) -> str:
        return f"<p>{html.escape(self.title)}</p>{self.rows_html()}"

    def rows_html(self) -> str:
        """The table without its title."""
        table = self._table()
        return (table.html() if table.rows else "") + "".join(f"<p>{html.escape(part)}</p>" for part in self._more())

    def _table(self, *, has_states: bool = True) -> Table:
        """The table. Without a state column, the state of the running plan is in the line below that plan."""
        rows = []
        if self.running:
            is_paused = self.status.get("manager_state") == "paused"
            state = "paused" if is_paused else "suspended" if is_suspended(self.status) else "running"
            state = state if self.status else ""
            done = progress_text(self.status, short=True)
            rows.append(self._row("▶", self.running, f"{state} {done}".rstrip(), mark=state or "running"))
        rows += [self._row(str(at), item, self._state_of(item)) for at, item in enumerate(self[: self.rows])]
        if not has_states:
            rows = [_without_state(row, is_shown=bool(self.running) and at == 0) for at, row in enumerate(rows)]
        names = (">#", "plan", *(("user",) if self._has_others else ()), *(("state",) if has_states else ()))
        return Table(names, rows, flexible=1)

    @property
    def _has_others(self) -> bool:
        """Whether to show a user column."""
        return others([*self[: self.rows], *([self.running] if self.running else [])], self.me)

    def _row(self, place: str, item: Item, state: str, *, mark: str = "") -> Row:
        user = (shown_user(str(item.get("user", ""))),) if self._has_others else ()
        return Row((place, self.plan(item), *user, state), note=self._note(item), mark=mark)

    def _note(self, item: Item) -> str:
        """The note below a row: why the plan cannot run now, warnings, and metadata."""
        fault = self.faults.get(item["item_uid"])
        doubt = self.doubts.get(item["item_uid"])
        parts = [f"cannot run now: {fault}"] if fault else [f"check this plan: {doubt}"] if doubt else []
        parts += [finding] if not fault and (finding := self.findings.get(item["item_uid"])) else []
        estimate = self._estimate(item)
        if self.until is not None and estimate and times_text.runs_at(estimate, self.until):
            parts.append(f"runs at {times_text.clock(self.until)}")
        return "; ".join([*parts, *([f"--md {metadata_text(item['meta'])}"] if item.get("meta") else [])])

    def _more(self) -> list[str]:
        hidden = len(self) - self.rows
        return [*([f"  … and {hidden} more"] if hidden > 0 else []), *self._about_until()]

    def _about_until(self) -> list[str]:
        """A line about the item that runs at the requested time, unless its row is visible and marked."""
        if self.until is None or not self.estimates:
            return []
        when, end = times_text.clock(self.until), self.estimates["queue"]["end"]
        shown = [*([self.running] if self.running else []), *self]
        found = [
            at for at, item in enumerate(shown) if (e := self._estimate(item)) and times_text.runs_at(e, self.until)
        ]
        if found:
            place = found[0] - bool(self.running)
            return [] if place < self.rows else [f"  At {when}, the item at position {place} runs."]
        if end is not None and end <= self.until and not self.estimates["queue"]["at_least"]:
            return [f"  The queue will be done before {when}."]
        return [f"  The item that runs at {when} is not known{self._because(shown)}."]

    def _because(self, shown: Sequence[Item]) -> str:
        """Why later times are unknown, as a clause."""
        for at, item in enumerate(shown):
            position = at - bool(self.running)
            if item.get("item_type") == "instruction":
                return f", because the queue stops at position {position}"
            if (estimate := self._estimate(item)) is not None and estimate["seconds"] is None:
                which = "running plan" if position < 0 else f"plan at position {position}"
                return f", because the {which} has no time estimate"
        return ""


def _without_state(row: Row, *, is_shown: bool) -> Row:
    """The row without its last column. If the state ``is_shown``, it goes into the note."""
    *others, state = row.cells
    notes = [state if is_shown else "", row.note]
    return row._replace(cells=tuple(others), note="; ".join(note for note in notes if note))


class StatusView(View, dict[str, Any]):
    """The status as a dictionary. It is displayed as a sentence, with the reasons for a pause or a lock.

    ``lock`` is the sentence about the lock, and ``me`` is the user's name.
    """

    def __init__(
        self,
        status: Mapping[str, Any],
        running: Item | None = None,
        known: Container[str] = (),
        *,
        lock: str = "",
        me: str = "",
    ) -> None:
        super().__init__(status)
        self.me = me
        self.running = running or {}
        self.known = known
        self.lock = lock

    def text(self, width: int) -> str:
        plan = plan_text(self.running, self.known) if self.running else ""
        lines = [status_sentence(self, plan, width), waiting_sentence(self, self.me), self.lock]
        return "\n".join(line for line in lines if line)

    def html(self) -> str:
        lines = StatusView.text(self, _UNCUT).split("\n")
        return "".join(f"<p>{html.escape(line)}</p>" for line in lines)


class Overview(StatusView):
    """The state, the last plan, notes, the running item with its progress, and the next items."""

    def __init__(
        self,
        status: Mapping[str, Any],
        queue: QueueView,
        last: Item | None = None,
        notes: Sequence[str] = (),
        *,
        lock: str = "",
    ) -> None:
        super().__init__(status, queue.running, queue.known, lock=lock, me=queue.me)
        self.queue = queue
        self.last = last
        self.notes = notes

    def text(self, width: int) -> str:
        parts = [super().text(width), *self._past(width)]
        if self._has_rows():
            parts.append(self.queue.text(width).partition("\n")[2])
        return "\n".join(parts)

    def html(self) -> str:
        past = "".join(f"<p>{html.escape(line)}</p>" for line in self._past(_UNCUT))
        return super().html() + past + (self.queue.rows_html() if self._has_rows() else "")

    def _past(self, width: int) -> list[str]:
        last = [last_sentence(self.last, plan_text(self.last, self.known), width, self.me)] if self.last else []
        return [*last, *self.notes]

    def _has_rows(self) -> bool:
        return bool(self.queue or self.queue.running)


class Waited(StatusView):
    """The state after a wait, and the plans that ran during it. ``stopped`` tells why the queue has stopped."""

    def __init__(self, status: Mapping[str, Any], ran: Items, *, stopped: str = "", me: str = "") -> None:
        super().__init__(status, me=me)
        self.ran = ran
        self.stopped = stopped

    def text(self, width: int) -> str:
        parts = [self.ran.text(width) if self.ran else "", super().text(width), self.stopped]
        return "\n".join(part for part in parts if part)

    def html(self) -> str:
        stopped = f"<p>{html.escape(self.stopped)}</p>" if self.stopped else ""
        return (self.ran.html() if self.ran else "") + super().html() + stopped


def _rest(reply: Mapping[str, Any], width: int) -> str:
    from IPython.lib.pretty import pretty  # noqa: PLC0415 - only replies without a view need it

    rest = {key: value for key, value in reply.items() if key not in ("success", "msg")}
    if not rest:
        return "Done."
    values = list(rest.values())
    return pretty(values[0] if len(values) == 1 and isinstance(values[0], dict | list) else rest, max_width=width)
