"""A still: the state, the queue and the last plans at one moment, for a notebook without a running kernel."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

from ipython_extension.shown.display import QueueView, StatusView
from ipython_extension.shown.history_view import HistoryView

_WIDE = 110


class StillView(StatusView):
    """What `%qs`, `%qs queue` and `%qs history` show, in one view.

    Attributes
    ----------
    foot
        The last line: when this was the state, and whether the connection has ended since.
    """

    def __init__(
        self,
        status: Mapping[str, Any],
        queue: QueueView | None,
        ran: HistoryView | None,
        *,
        lock: str = "",
        notes: Sequence[str] = (),
    ) -> None:
        known = () if queue is None else queue.known
        super().__init__(status, queue.running if queue else None, known, lock=lock, me=queue.me if queue else "")
        self.queue = queue
        self.ran = ran
        self.notes = notes
        self.foot = ""

    def text(self, width: int) -> str:
        parts = [super().text(width), *self.notes]
        if self._has_queue:
            assert self.queue is not None
            parts.append(self.queue.text(width).partition("\n")[2])
        if self.ran:
            parts += ["Last plans", self.ran.text(width).partition("\n")[2]]
        return "\n".join([*parts, *([self.foot] if self.foot else [])])

    def html(self) -> str:
        parts = [super().html(), *(_paragraph(note) for note in self.notes)]
        if self._has_queue:
            assert self.queue is not None
            parts.append(self.queue.rows_html())
        if self.ran:
            parts += [_paragraph("Last plans"), self.ran.rows_html()]
        return "".join([*parts, *([_paragraph(self.foot)] if self.foot else [])])

    def data(self) -> dict[str, str]:
        """The still as a notebook keeps it."""
        return {"text/plain": self.text(_WIDE), "text/html": self._repr_html_()}

    @property
    def _has_queue(self) -> bool:
        return self.queue is not None and bool(self.queue or self.queue.running)


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"
