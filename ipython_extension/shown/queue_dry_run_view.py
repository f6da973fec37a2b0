"""The view of a dry run of the queue: a row for each item, with its errors and warnings below it."""

import html
import time
from collections.abc import Container, Mapping, Sequence
from typing import Any

from bluesky_qs.words.planexpr import Item
from bluesky_qs.words.plantext import plan_text
from ipython_extension.shown import times_text
from ipython_extension.shown.display import View
from ipython_extension.shown.dry_run_view import OLD, place_of
from ipython_extension.shown.tables import Row, Table, moment, plural

#: Maximum number of warnings below a row.
_WARNINGS = 2
_RUNNING = "A plan is running. The dry run starts the first queued plan from the current motor positions."


class QueueDryRunView(View, dict[str, Any]):
    """The reports on a dry run of the queue; a dictionary with all keys of the reply.

    Parameters
    ----------
    items
        The items in the queue, for their positions and parameters.
    """

    def __init__(
        self, reply: Mapping[str, Any], items: Sequence[Item], known: Container[str], *, is_running: bool = False
    ) -> None:
        super().__init__(reply)
        self.known = known
        self._at = {item["item_uid"]: (str(at), item) for at, item in enumerate(items)}
        self._is_running = is_running

    def text(self, width: int) -> str:
        parts = [self._title()]
        if self["reports"]:
            parts.append(self._table().text(width))
        return "\n".join([*parts, *self._notes()])

    def html(self) -> str:
        table = self._table().html() if self["reports"] else ""
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self._notes())
        return f"<p>{html.escape(self._title())}</p>{table}{notes}"

    def brief(self, width: int | None) -> str:
        """The text to print for a line whose result IPython does not show."""
        return self.text(width or 100)

    def lines(self) -> list[str]:
        """The title, and a line for each plan that fails or is partly unknown."""
        entries = [each for each in self["reports"] if each["report"] and not each["report"]["ok"]]
        return [
            f"Dry run of {self._title()}",
            *(
                f"{self._plan(each)} {_state(each['report'])}: {'; '.join(_notes_on(each['report']))}"
                for each in entries
            ),
        ]

    def _title(self) -> str:
        reports = [each["report"] for each in self["reports"] if each["report"]]
        if not reports:
            return "The queue has no plans. To try a plan that is not queued: %qs dryrun PLAN"
        words = [_state(report).partition(",")[0] for report in reports]
        counts = {word: words.count(word) for word in ("ok", "fails", "unknown")}
        states = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
        total = self["total"]
        takes = f"; {plural(total['points'], 'point')} in {plural(total['runs'], 'run')}" if total["runs"] else ""
        takes += (
            f"; {times_text.about(total['seconds'], times_text.roughly(total['seconds']))}" if total["seconds"] else ""
        )
        return f"{plural(len(reports), 'plan')}: {states}{takes}."

    def _table(self) -> Table:
        rows = [self._row(each) for each in self["reports"]]
        return Table((">#", "plan", ">points", "dry run"), rows, flexible=1)

    def _row(self, entry: Mapping[str, Any]) -> Row:
        place, plan = self._at.get(entry["item_uid"], ("", None))[0], self._plan(entry)
        if (report := entry["report"]) is None:
            return Row((place, plan, "", "stops the queue"))
        state = _state(report)
        mark = {"fails": "failed", "unknown": "paused"}.get(state, "")
        return Row((place, plan, str(report["points"]), state), note="; ".join(_notes_on(report)), mark=mark)

    def _plan(self, entry: Mapping[str, Any]) -> str:
        _, item = self._at.get(entry["item_uid"], ("", None))
        return plan_text(item, self.known) if item else entry["name"]

    def _notes(self) -> list[str]:
        notes = [_RUNNING] if self._is_running else []
        ages = [each["report"]["as_of"] for each in self["reports"] if each["report"]]
        if ages and time.time() - min(ages) > OLD:
            notes.append(f"Based on the environment as it was at {moment(min(ages))}.")
        return notes


def _state(report: Mapping[str, Any]) -> str:
    if report["ok"] is None:
        return "unknown"
    if not report["ok"]:
        return "fails"
    return "ok" if report["exact"] else "ok, not exact"


def _notes_on(report: Mapping[str, Any]) -> list[str]:
    """Notes on a plan: why it fails, what is unknown, and warnings."""
    notes = [f"{error['msg']} (point {error['step']}{_at(error)})" for error in report["errors"][:1]]
    if not report["complete"]:
        notes.append(report["reason"])
    notes += [f"blocked: {each['call']} (point {each['step']}{_at(each)})" for each in report["blocked"][:1]]
    if assumed := report["assumed"]:
        notes.append(f"depends on readings of {', '.join(dict.fromkeys(each['device'] for each in assumed))}")
    return [*notes, *report["warnings"][:_WARNINGS]]


def _at(found: Mapping[str, Any]) -> str:
    place = place_of(found["traceback"])
    return f"; {place}" if place else ""
