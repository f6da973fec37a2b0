"""The commands that plot or list the readings of plans."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from bluesky_qs.client.failures import RequestFailedError, UnsupportedParameterError
from bluesky_qs.errors import NotFound
from bluesky_qs.words.plantext import plan_text
from ipython_extension.live.plot import LivePlot
from ipython_extension.live.run_table import RunTable
from ipython_extension.session.finding import is_position, is_uid
from ipython_extension.session.recorded import Recorded, recorded
from ipython_extension.session.session import Session
from ipython_extension.session.waiting import PlanWatch, waiting
from ipython_extension.shown.display import View
from ipython_extension.shown.headings import ended_heading
from ipython_extension.typed.line import Line, LineWord
from ipython_extension.words.vocabulary import word


class Drawn(View, list[Any]):
    """A list of figures. It is displayed as a sentence, because the figures are already visible."""

    def __init__(self, plot: LivePlot, notes: Sequence[str] = ()) -> None:
        super().__init__(plot.figures)
        self.names = plot.names
        self.notes = [*(f"{each}." for each in (*plot.left_out, *plot.without_numbers)), *notes]

    def text(self, width: int) -> str:  # noqa: ARG002 - it always fits
        names = [f"{name[:1].lower()}{name[1:]}" for name in self.names]
        plotted = [f"Plotted {', '.join(names)}."] if self else []
        return "\n".join([*plotted, *self.notes]) or "Nothing was plotted."


@word("plot", "[ID] [FIELD…]")
def plot(session: Session, line: Line) -> Drawn:
    """Plot the running scan as its points arrive, or the last scan if none is running.

    With ID, plots a plan that has ended. ID is its number in the last history table, its uid, or -1 for the plan that
    ended last (-2 for the one before it).

    Plots the first four readings, or each FIELD, named as in the headings of the live table. For a grid scan, each
    reading is drawn as a map. Ctrl-C stops the plotting, not the scan. Notebooks and displays need matplotlib; in a
    terminal without a display, the plot is drawn with characters.
    """
    tokens, _ = line.words()
    uid = _item_uid(session, line, tokens)
    fields = [token.text.rstrip(",") for token in tokens]
    canvas = session.settings.canvas()
    running = session.status()["running_item_uid"]
    if uid not in (None, running) or running is None:
        return _ended(session, canvas, fields, uid)
    drawing = LivePlot(canvas, fields, item_uid=running)
    with suppress(RequestFailedError, UnsupportedParameterError):  # if this fails, only the latest points are shown
        for message in recorded(session.rm, running).messages:
            session.take_document(message)
            drawing.take_document(message, requested=True)
    with waiting(session, "the scan is still running", live=drawing) as wait:
        canvas.draw_above(wait.picture)
        progress = PlanWatch(session, wait)
        for status in wait.statuses():
            if status["running_item_uid"] != running:
                wait.last_documents(status)
                break
            wait.say(progress.of(status))
        drawing.end()
    return Drawn(drawing)


@word("table", "[ID] [-n N]")
def table(session: Session, line: Line) -> RunTable:
    """Show the readings of the running plan so far, or of the last one, in a table.

    With ID, shows the readings of a plan that has ended. ID is its number in the last history table, its uid, or -1 for
    the plan that ended last (-2 for the one before it). -n shows the latest N points. The result is a list with a
    dictionary for each point, for example for pandas.DataFrame(readings).

        %qs table -1
        readings = %qs table -1
    """
    tokens, options = line.words({"-n": line.count})
    uid = _item_uid(session, line, tokens)
    if tokens:
        raise line.fault("Expected the position or uid of an item", tokens[0].start, len(tokens[0].text))
    found = recorded(session.rm, uid)
    for message in found.messages:
        session.take_document(message)
    omitted = [f"Images and long arrays are not kept: {', '.join(found.omitted)}."] if found.omitted else []
    item = session.ended_item(found.item_uid)
    heading = partial(ended_heading, item, session.known(), session.rm.user) if item else None
    rows = options.get("n", session.settings.rows())
    view = RunTable(found.messages, [*found.notes, *omitted], rows=rows, heading=heading)
    if not view:
        raise NotFound(_nothing(session, uid, "readings"))
    return view


def _item_uid(session: Session, line: Line, tokens: list[LineWord]) -> str | None:
    """Remove the item from the words if they begin with one, and return its uid."""
    if not tokens or tokens[0].text in session.fields:
        return None
    if is_position(tokens[0].text):
        return session.finished(line, tokens.pop(0))["item_uid"]
    if is_uid(tokens[0].text):
        return session.any_item(line, tokens.pop(0))["item_uid"]
    return None


def _ended(session: Session, canvas: Any, fields: list[str], uid: str | None) -> Drawn:
    found: Recorded = recorded(session.rm, uid)
    drawing = LivePlot(canvas, fields)
    for message in found.messages:
        session.take_document(message)
        drawing.take_document(message, requested=False)
    drawing.end()
    if not drawing.figures and drawing.without_numbers:
        raise NotFound(". ".join(drawing.without_numbers))
    if not drawing.figures:
        raise NotFound(_nothing(session, uid, "readings to plot"))
    return Drawn(drawing, found.notes)


def _nothing(session: Session, uid: str | None, what: str) -> str:
    if uid is None:
        return f"Nothing is running, and the last plan has no {what}"
    item = session.seen_item(uid) or session.ended_item(uid)
    return f"{plan_text(item, session.known()) if item else 'This plan'} has no {what}"
