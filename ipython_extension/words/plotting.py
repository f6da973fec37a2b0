"""The command that plots."""

from typing import Any

from bluesky_qs.documents import with_numbers
from bluesky_qs.errors import NotFound
from ipython_extension.live.plot import LivePlot
from ipython_extension.session.session import Session
from ipython_extension.session.waiting import PlanWatch, waiting
from ipython_extension.shown.display import View
from ipython_extension.typed.line import Line
from ipython_extension.words.vocabulary import word


class Drawn(View, list[Any]):
    """A list of figures; displayed as a sentence, because the figures are already visible."""

    def __init__(self, plot: LivePlot) -> None:
        super().__init__(plot.figures)
        self.names = plot.names
        self.notes = [*plot.left_out, *plot.without_numbers]

    def text(self, width: int) -> str:  # noqa: ARG002 - it always fits
        plotted = [f"Plotted {', '.join(self.names)}."] if self else []
        return "\n".join([*plotted, *(f"{each}." for each in self.notes)]) or "Nothing was plotted."


@word("plot", "[FIELD…]")
def plot(session: Session, line: Line) -> Drawn:
    """Plot the running scan as its points arrive, or the last scan if none is running.

    Plots the first four readings, or the FIELDs, named as in the headings of the live table; of a grid scan, a map of
    each. Ctrl-C stops the plotting, not the scan. A notebook and a display need matplotlib; in a terminal without a
    display, the plot is made of text.
    """
    tokens, _ = line.words()
    fields = [token.text.rstrip(",") for token in tokens]
    canvas = session.settings.canvas()
    uid = session.status()["running_item_uid"]
    if uid is None:
        return _last(session, canvas, fields)
    drawing = LivePlot(canvas, fields, item_uid=uid)
    with waiting(session, "the scan is still running", live=drawing) as wait:
        canvas.draw_above(wait.picture)
        progress = PlanWatch(session, wait)
        for status in wait.statuses():
            if status["running_item_uid"] != uid:
                wait.last_documents(status)
                break
            wait.say(progress.of(status))
        drawing.end()
    return Drawn(drawing)


def _last(session: Session, canvas: Any, fields: list[str]) -> Drawn:
    messages = map(with_numbers, session.rm.documents_get()["documents"])
    drawing = LivePlot(canvas, fields)
    for message in messages:
        session.take_document(message)
        drawing.take_document(message, requested=False)
    drawing.end()
    if not drawing.figures and drawing.without_numbers:
        raise NotFound(". ".join(drawing.without_numbers))
    if not drawing.figures:
        raise NotFound("Nothing is running, and the last plan has no readings to plot")
    return Drawn(drawing)
