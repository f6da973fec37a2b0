"""The word that draws."""

from typing import Any

from bluesky_qs.errors import NotFound
from ipython_extension.live.plot import LivePlot
from ipython_extension.session.session import Session
from ipython_extension.session.waiting import Progress, waiting
from ipython_extension.shown.display import View
from ipython_extension.typed.line import Line
from ipython_extension.words.vocabulary import word


class Drawn(View, list[Any]):
    """Figures, as a list; shown as a sentence, since they are seen already."""

    def __init__(self, plot: LivePlot) -> None:
        super().__init__(plot.figures)
        self.names = plot.names

    def text(self, width: int) -> str:  # noqa: ARG002 - as short as can be
        return f"{', '.join(self.names)} {'is' if len(self) == 1 else 'are'} drawn." if self else "Nothing was drawn."


@word("plot", "[FIELD…]")
def plot(session: Session, line: Line) -> Drawn:
    """Draw the running scan as its points come, or the last scan if none is running.

    All that it reads, or only the FIELDs: what the headings of the live table name. Ctrl-C ends the drawing, not the
    scan. Needs matplotlib, in a notebook or in a session with a display.
    """
    tokens, _ = line.words()
    fields = [token.text.rstrip(",") for token in tokens]
    canvas = session.settings.canvas()
    uid = session.status()["running_item_uid"]
    if uid is None:
        return _last(session, canvas, fields)
    drawing = LivePlot(canvas, fields, item_uid=uid)
    with waiting(session, "the scan goes on", live=drawing) as wait:
        progress = Progress(session, wait)
        for status in wait.statuses():
            if status["running_item_uid"] != uid:
                wait.last_documents(status)
                break
            wait.say(progress.of(status))
    drawing.end()
    return Drawn(drawing)


def _last(session: Session, canvas: Any, fields: list[str]) -> Drawn:
    messages = session.rm.documents_get()["documents"]
    drawing = LivePlot(canvas, fields)
    for message in messages:
        drawing.hear(message, asked=False)
    drawing.end()
    if not drawing.figures:
        raise NotFound("Nothing is running, and the last plan has read nothing that can be drawn")
    return Drawn(drawing)
