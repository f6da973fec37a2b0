"""Views of items: one item with all details, or the items that a request has changed."""

from collections.abc import Container, Mapping, Sequence
from typing import Any

from bluesky_qs.client.identity import shown_user
from bluesky_qs.words.planexpr import Item
from bluesky_qs.words.plantext import plan_text
from ipython_extension.shown.display import Items, QueueView, View
from ipython_extension.shown.metadata import metadata_text, stored_metadata
from ipython_extension.shown.notebook_html import sentence
from ipython_extension.shown.status_text import by_whom, has_value, reason
from ipython_extension.shown.tables import (
    cells,
    full_sentence,
    length_of_time,
    moment,
    ranges,
    shortened,
    stood_still,
    wrapped,
)
from ipython_extension.shown.traceback_text import folded

#: Width in columns of a line without a terminal.
_WIDE = 110
#: Maximum number of lines of a plan below a message.
_PLAN_LINES = 3


class ItemView(View, dict[str, Any]):
    """One item, displayed with its position and its result.

    With a ``lead``, it is one line: the lead, the plan, and the plan's metadata unless something else shows it.
    ``takes`` says how long the item will take.
    """

    def __init__(
        self,
        item: Item,
        known: Container[str],
        lead: str = "",
        *,
        where: str = "",
        takes: str = "",
        has_metadata: bool = True,
        me: str = "",
    ) -> None:
        super().__init__(item)
        self.known = known
        self.lead = lead
        self.where = where
        self.takes = takes
        self.has_metadata = has_metadata
        self.me = me

    def text(self, width: int) -> str:
        plan = plan_text(self, self.known)
        if not self.lead:
            return self._all(plan)
        line, metadata = f"{self.lead}: {plan}", self._metadata()
        whole = f"{line} {metadata}".rstrip()
        if cells(whole) <= width:
            return whole
        # The end of the plan is often the part that the user has just typed, so it is cut only if the plan is very
        # long.
        shown = line if cells(line) <= width else f"{self.lead}:\n{_indented(plan, width)}"
        return f"{shown}\n{_indented(metadata, width)}" if metadata else shown

    def html(self) -> str:
        if not self.lead:
            return super().html()
        return sentence(f"{self.lead}: {plan_text(self, self.known)} {self._metadata()}".rstrip())

    def _metadata(self) -> str:
        return f"--md {text}" if self.has_metadata and (text := stored_metadata([self])) else ""

    def _all(self, plan: str) -> str:
        result = self.get("result") or {}
        lines = [
            plan,
            *([f"  state    {self.where}"] if self.where else []),
            *([f"  takes    {self.takes}"] if self.takes else []),
            f"  uid      {self.get('item_uid')}",
            f"  user     {shown_user(str(self.get('user')))} ({self.get('user_group')})",
        ]
        if self.get("meta"):
            lines.append(f"  metadata {metadata_text(self['meta'])}")
        if result:
            lines += _result_lines(result, self.me)
        return "\n".join(lines)


class Changed(Items):
    """Items that a request added, moved, changed or removed, one line each; then the queue if positions have changed.

    With a ``summary``, that sentence replaces all lines. The metadata is below it, unless the request kept the metadata
    unchanged.
    """

    def __init__(
        self,
        items: Sequence[Item],
        reply: Mapping[str, Any],
        known: Container[str],
        leads: Sequence[str],
        *,
        queue: QueueView | None = None,
        summary: str = "",
        has_metadata: bool = True,
    ) -> None:
        super().__init__(items, reply, known)
        self.leads = leads
        self.summary = summary
        self.has_metadata = has_metadata
        self.queue = queue
        #: Where the items come from, such as lines of a file, for warnings.
        self.places: Sequence[str] = ()
        #: The prompt's own notes about the typed text.
        self.notes: Sequence[str] = ()

    def text(self, width: int) -> str:
        lines = [self.summary, *(wrapped(f"  {each}", width) for each in self._of_all())] if self.summary else []
        for number, view in enumerate(self._views()):
            lines += [
                *([] if self.summary else [view.text(width)]),
                *(wrapped(f"  {warning}", width) for warning in self._warnings(number)),
            ]
        lines += [wrapped(f"  {note}", width) for note in self.notes]
        return "\n".join([*lines, self.queue.text(width)] if self.queue else lines)

    def html(self) -> str:
        parts = [*map(sentence, [self.summary, *self._of_all()])] if self.summary else []
        for number, view in enumerate(self._views()):
            parts += [*([] if self.summary else [view.html()]), *map(sentence, self._warnings(number))]
        parts += map(sentence, self.notes)
        return "".join(parts) + (self.queue.html() if self.queue else "")

    def brief(self, width: int | None) -> str:
        """Return the lines without the table, for a line in a loop."""
        width = width or _WIDE
        if self.summary:
            return self.summary
        warnings = [f"  {warning}" for number in range(len(self)) for warning in self._warnings(number)]
        notes = [f"  {note}" for note in self.notes]
        return "\n".join([*(view.text(width) for view in self._views()), *warnings, *notes])

    def _views(self) -> list[ItemView]:
        below = {item["item_uid"] for item in self.queue[: self.queue.rows]} if self.queue else set[str]()
        return [
            ItemView(item, self.known, lead, has_metadata=item.get("item_uid") not in below)
            for item, lead in zip(self, self.leads, strict=True)
        ]

    def _of_all(self) -> list[str]:
        """The metadata of the items in a summary."""
        text = stored_metadata(self) if self.has_metadata else ""
        return [f"--md {text}"] if text else []

    def _warnings(self, number: int) -> Sequence[str]:
        """The service's warnings about one item. The reply to a batch has separate warnings for each item."""
        results = self.reply.get("results") or [self.reply]
        warnings = results[number].get("warnings", ()) if number < len(results) else ()
        place = self.places[number] if number < len(self.places) else ""
        lead = f"{place[:1].upper()}{place[1:]}: " if place else ""
        return [full_sentence(f"{lead}{warning}") for warning in warnings]


def _indented(text: str, width: int) -> str:
    return wrapped(f"  {shortened(text, _PLAN_LINES * (width - 2))}", width)


def _result_lines(result: Mapping[str, Any], me: str) -> list[str]:
    began, ended = result.get("time_start"), result.get("time_stop")
    lines = [
        f"  ended    {result.get('exit_status')}{by_whom(result, me)}{f': {reason(result)}' if reason(result) else ''}"
    ]
    if began and ended:
        stood = "".join(f", {each}" for each in stood_still(result))
        expected = result.get("time_estimated")
        stood += f" (estimated: {length_of_time(expected)})" if expected is not None else ""
        lines.append(f"  started  {moment(began)}, took {length_of_time(ended - began)}{stood}")
    if result.get("scan_ids"):
        lines.append(f"  scan id  {ranges(result['scan_ids'])}")
    lines += [f"  run      {uid}" for uid in result.get("run_uids") or ()]
    if has_value(result):
        lines.append(f"  returned {shortened(repr(result['return_value']), _WIDE)}")
    elif result.get("return_value_is_text"):
        lines.append(f"  returned {shortened(result['return_value'], _WIDE)}")
    if result.get("traceback"):
        lines.append(folded(str(result["traceback"])))
    return lines
