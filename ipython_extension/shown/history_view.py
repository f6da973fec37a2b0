"""The history as a table: the plans that ran, their metadata, and how they ended."""

import html
from collections.abc import Container, Mapping, Sequence
from typing import Any, NamedTuple

from bluesky_qs.client.identity import shown_user
from bluesky_qs.error_text import safe
from bluesky_qs.words.planexpr import Item
from ipython_extension.shown.display import Items, others
from ipython_extension.shown.metadata import merged, metadata_text
from ipython_extension.shown.status_text import has_failed, outcomes, reason
from ipython_extension.shown.tables import (
    Row,
    Table,
    cells,
    counted,
    length_of_time,
    moment,
    plural,
    ranges,
    stood_still,
    wrapped,
)
from ipython_extension.typed.history_query import HistoryQuery

#: Width of a shortened plan that has metadata beside it, and maximum width of a metadata column in a terminal.
_PLAN, _WIDEST = 36, 24
#: Maximum number of metadata columns, and the spaces before each column.
_MOST, _GAP = 8, 2


class HistoryView(Items):
    """Plans that ran, newest at the bottom. Numbers count from the oldest plan, negative ones from the newest.

    Attributes
    ----------
    numbers
        The position of each plan in the whole history.
    requeued
        The current places of failed plans in the queue, in words, by uid.
    suggestion
        A suggestion for the user if nothing matches.
    """

    def __init__(
        self,
        reply: Mapping[str, Any],
        known: Container[str] = (),
        *,
        rows: int = 20,
        since: int = 0,
        query: HistoryQuery | None = None,
        me: str = "",
    ) -> None:
        items: list[Item] = reply["items"]
        numbers: Sequence[int] = reply.get("positions") or range(len(items))
        numbered = [(at, item) for at, item in zip(numbers, items, strict=True) if at >= since]
        #: Whether older plans match too. To find out, a query fetches one more plan than it shows.
        self.has_older = query is not None and len(numbered) > rows
        if query is not None:
            numbered = numbered[-rows:]
        super().__init__([item for _, item in numbered], reply, known)
        self.numbers = [at for at, _ in numbered]
        self.rows = rows
        self.query = query or HistoryQuery()
        self.me = me
        self.requeued: Mapping[str, str] = {}
        self.suggestion = ""
        self._incomplete = "search" in self.query.filters and reply.get("index_complete") is False

    def rows_by_number(self) -> dict[int, Item]:
        """The displayed plans by their numbers."""
        first = max(len(self) - self.rows, 0)
        return dict(zip(self.numbers[first:], self[first:], strict=True))

    def failed_rows(self) -> list[Item]:
        """The displayed plans that failed or were aborted or halted."""
        return [item for item in self.rows_by_number().values() if has_failed(item)]

    @property
    def title(self) -> str:
        """The number of plans, and how they ended."""
        if not self:
            return self._nothing()
        conditions = f" ({self.query.text})" if self.query.filters else ""
        if self.has_older:
            shown = "The last plan" if len(self) == 1 else f"The last {len(self)} plans"
            total = "" if self.query.params else f" of {self.numbers[-1] + 1}"
            more = "; older ones match too" if self.query.params else ""
            return f"{shown}{total}{conditions}: {_listed(self)}{more} (-n N shows more)"
        last = f"; showing the last {counted(self.rows)}" if len(self) > self.rows else ""
        return f"{self._count()}{conditions}{last}"

    def _nothing(self) -> str:
        if self.query.filters:
            note = f" {_INCOMPLETE}" if self._incomplete else ""
            return f"No plan in the history matches {self.query.text}{self.suggestion}.{note}"
        return "No plan has failed." if self.query.only_failed else "Nothing has run yet."

    def _count(self) -> str:
        """``5 plans ran``, ``5 plans: 3 completed, 2 failed``, ``1 plan ran and failed``."""
        counts, plans = outcomes(self), plural(len(self), "plan")
        if set(counts) <= {"completed", "stopped"}:
            return f"{plans} ran"
        if len(self) == 1:
            status = next(iter(counts))
            ending = {"failed": "failed", "aborted": "was aborted", "halted": "was halted"}
            return f"{plans} ran and {ending.get(status, f'has the exit status {status}')}"
        if len(counts) == 1:
            status = next(iter(counts))
            return f"{plans} {_ALL.get(status, f'with the exit status {status}')}"
        return f"{plans}: {_listed(self)}"

    def text(self, width: int) -> str:
        if not self:
            return self.title
        table, omitted = self._table(width, has_users=others(self.rows_by_number().values(), self.me))
        notes = [wrapped(f"  {note}", width) for note in self._notes(omitted)]
        return "\n".join([self.title, table.text(width), *notes])

    def html(self) -> str:
        if not self:
            return f"<p>{html.escape(self.title)}</p>"
        return f"<p>{html.escape(self.title)}</p>{self.rows_html()}"

    def rows_html(self) -> str:
        """The table without its title."""
        table, omitted = self._table(None, has_users=others(self.rows_by_number().values(), self.me))
        return table.html() + "".join(f"<p>{html.escape(note)}</p>" for note in self._notes(omitted))

    def _notes(self, omitted: str) -> list[str]:
        """The notes below the table: common metadata, omitted columns, an incomplete index."""
        rows = [] if self.query.all_metadata else list(self.rows_by_number().values())
        asked = self.query.filters.get("metadata") or {}
        common = {key: value for key, value in _common(rows).items() if asked.get(key) != value}
        pairs = ", ".join(f"{key}={value}" for key, value in common.items())
        notes = [f"{'All' if len(rows) > 1 else 'Metadata'}: {pairs}"] if pairs else []
        notes += [omitted] if omitted else []
        scan_id = self.query.filters.get("scan_id")
        if scan_id is not None and len(self) > 1:
            notes.append(f"Several plans have the scan id {scan_id}: the counter was reset in between.")
        return [*notes, *([_INCOMPLETE] if self._incomplete else [])]

    def _table(self, width: int | None, *, has_users: bool) -> tuple[Table, str]:
        """The table, and a note on the omitted columns.

        In a narrow terminal, the plan is more important than its metadata: a plan is never cut to make room for
        metadata. The first metadata column has priority over the user column and the column with the time that each
        plan took (``took``); further metadata columns have no priority over ``took``. If plans would be cut, the user
        column is omitted first, and then ``took``, if this helps. Metadata that only a few plans have does not displace
        other columns. The scan id always stays, even if plans must be cut.
        """
        rows = list(self.rows_by_number().values())
        everything = _Columns(took=True, scan_id=True, user=has_users)
        columns = {} if self.query.all_metadata else _differing(rows)
        if width is None:
            chosen = list(columns)[:_MOST]
            table = self._with_columns({key: columns[key] for key in chosen}, everything, estimates=True)
            return table, _omitted(list(columns)[_MOST:])
        common = {key: texts for key, texts in columns.items() if len(rows) <= 3 * sum(map(bool, texts))}
        leaner = [everything, everything._replace(user=False), everything._replace(took=False, user=False)]
        chosen, plain = max(
            ((self._frequent(common, width, plain, leaner[-1]), plain) for plain in leaner),
            key=lambda each: bool(each[0]),
        )
        ever_fewer = [each for each in leaner if each <= plain]
        tables = {each: self._with_columns({key: columns[key] for key in chosen}, each) for each in ever_fewer}
        narrow = [table for table in tables.values() if table.spare(width) >= 0] or [tables[leaner[-1]]]
        table = max(narrow, key=lambda each: each.whole_rows(width))
        plain = next(each for each, of_these in tables.items() if of_these is table)
        chosen += _fitting({key: columns[key] for key in columns if key not in chosen}, table.spare(width))
        keys = [key for key in columns if key not in chosen]
        kept = {key: columns[key] for key in chosen}
        table, longer = (self._with_columns(kept, plain, estimates=estimates) for estimates in (False, True))
        # Estimates do not displace other columns.
        has_room = longer.spare(width) >= 0 and longer.whole_rows(width) >= table.whole_rows(width)
        return longer if has_room else table, _omitted(keys, plain.less(everything))

    def _frequent(
        self, columns: Mapping[str, Sequence[str]], width: int, plain: "_Columns", leanest: "_Columns"
    ) -> list[str]:
        """The keys of narrow columns that fit into the table.

        Plans that fit into the ``leanest`` table must not be cut, except to show metadata that the query names.
        """
        narrow = {key: texts for key, texts in columns.items() if _needed(key, texts) <= _WIDEST}
        most = self._with_columns({}, leanest).room(width)
        needed = [cells(row.cells[1]) for row in self._with_columns({}, plain).rows]
        whole = max((each for each in needed if each <= most), default=0)
        kept = max(whole, min(most, _PLAN)) if max(needed) > most else whole
        room = self._with_columns({}, plain).room(width)
        asked = self.query.filters.get("metadata") or {}
        chosen = _fitting({key: narrow[key] for key in narrow if key in asked}, room - min(kept, _PLAN))
        room -= kept + sum(_needed(key, narrow[key]) for key in chosen)
        return [*chosen, *_fitting({key: narrow[key] for key in narrow if key not in asked}, room)]

    def _with_columns(
        self, columns: Mapping[str, Sequence[str]], plain: "_Columns", *, estimates: bool = False
    ) -> Table:
        """The table with these metadata columns, which contain a text for each row, by key."""
        names = ("ended", "started", *plain.of(">took", ">scan", "user"))
        rows = [
            self._row(at, item, tuple(texts[place] for texts in columns.values()), plain, estimates=estimates)
            for place, (at, item) in enumerate(self.rows_by_number().items())
        ]
        return Table((">#", "plan", *columns, *names), rows, flexible=1)

    def _row(self, number: int, item: Item, metadata: tuple[str, ...], plain: "_Columns", *, estimates: bool) -> Row:
        result = item.get("result") or {}
        status = str(result.get("exit_status", ""))
        began, ended = result.get("time_start"), result.get("time_stop")
        took = length_of_time(ended - began) if began and ended else ""
        if estimates and took and (expected := result.get("time_estimated")) is not None:
            took += f" (est. {length_of_time(expected)})"
        row = (
            str(number),
            self.plan(item),
            *metadata,
            f"✗ {status}" if has_failed(item) else status,
            moment(began) if began else "",
            *plain.of(took, ranges(result.get("scan_ids") or ()), shown_user(str(item.get("user", "")))),
        )
        notes = [reason(result).rstrip("."), self.requeued.get(item["item_uid"], "")] if has_failed(item) else []
        ender = result.get("ended_by")
        notes = [f"{status} by {ender}" if ender and ender != self.me else "", *notes, *_long_stops(result)]
        text = metadata_text(item.get("meta")) if self.query.all_metadata else ""
        more = f"--md {text}" if text else ""
        return Row(row, note="; ".join(note for note in notes if note), mark=status, more=more)


def _long_stops(result: Mapping[str, Any]) -> list[str]:
    """A plan's pauses and suspensions, if they are a large part of the time that it took."""
    took = (result.get("time_stop") or 0.0) - (result.get("time_start") or 0.0)
    stood = (result.get("time_paused") or 0.0) + (result.get("time_suspended") or 0.0)
    return stood_still(result) if stood > _LONG_STOP and stood > took / 10 else []


class _Columns(NamedTuple):
    """The columns that may be omitted."""

    took: bool = False
    scan_id: bool = False
    user: bool = False

    def of(self, took: str, scan_id: str, user: str) -> list[str]:
        """The texts for the columns that are kept."""
        return [text for text, is_kept in zip((took, scan_id, user), self, strict=True) if is_kept]

    def less(self, everything: "_Columns") -> list[str]:
        """The names of the columns in ``everything`` that are omitted here."""
        return [
            name.replace("_", " ") for name in self._fields if getattr(everything, name) and not getattr(self, name)
        ]


#: Phrases for several plans that all ended in the same way.
_ALL = {"failed": "failed", "aborted": "were aborted", "halted": "were halted"}


#: Total duration in seconds above which pauses are mentioned.
_LONG_STOP = 1.0
_INCOMPLETE = "The search index is being rebuilt, so older plans may be missing."


def _omitted(keys: Sequence[str], others: Sequence[str] = ()) -> str:
    """A note on omitted columns; empty if there are none."""
    advice = " (%qs history --md shows all metadata)" if keys else ""
    return f"Columns omitted: {', '.join([*keys, *others])}{advice}" if keys or others else ""


def _listed(items: Sequence[Item]) -> str:
    """``12 completed, 4 failed, 3 aborted``."""
    return ", ".join(f"{count} {status}" for status, count in outcomes(items).items())


def _differing(items: Sequence[Item]) -> dict[str, list[str]]:
    """The metadata whose values differ between plans: by key, the text of each plan's value."""
    each = [metadata_of(item) for item in items]
    keys = dict.fromkeys(key for metadata in each for key in metadata)
    columns = {key: [metadata.get(key, "") for metadata in each] for key in keys}
    return {key: texts for key, texts in columns.items() if len(set(texts)) > 1}


def _common(items: Sequence[Item]) -> dict[str, str]:
    """The metadata that is the same for all plans."""
    first, *more = [metadata_of(item) for item in items] or [{}]
    return {key: value for key, value in first.items() if value and all(each.get(key) == value for each in more)}


def metadata_of(item: Item) -> dict[str, str]:
    """The item's metadata as text. If there are several dictionaries, earlier ones take precedence, as in the run."""
    return {str(key): safe(" ".join(str(value).split())) for key, value in merged(item.get("meta")).items()}


def _fitting(columns: Mapping[str, Sequence[str]], room: int) -> list[str]:
    """The keys of the columns that fit, in order of priority."""
    chosen: list[str] = []
    for key, texts in columns.items():
        if (needed := _needed(key, texts)) <= room:
            chosen.append(key)
            room -= needed
    return chosen


def _needed(key: str, texts: Sequence[str]) -> int:
    return max(map(cells, [key, *texts])) + _GAP
