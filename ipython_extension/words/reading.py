"""Commands that read devices now: their values, and where the motors are."""

import time
from typing import Any

from bluesky_qs.client.failures import RequestTimeoutError
from ipython_extension.session.session import Session
from ipython_extension.shown.readings_view import ReadingsView
from ipython_extension.shown.tables import terminal_height, terminal_width
from ipython_extension.typed.line import Line
from ipython_extension.words.vocabulary import word

#: Seconds between two readings of a device that is watched.
_PERIOD = 1.0
#: Seconds for which the service may be unreachable, because it may be restarting.
_AWAY = 15.0
#: Lines of a terminal that the table cannot use.
_OTHER_LINES = 2


@word("read", "DEVICE… [--watch]")
def read(session: Session, line: Line) -> ReadingsView | None:
    """Read devices now: value, units, limits, and whether they are moving. Names of subdevices have dots.

    It works at any time, also while a plan runs or is paused. It triggers nothing and moves nothing: a detector has its
    last value. With --watch, the table is updated every second, until Ctrl-C.

        %qs read motor det1
        %qs read motor --watch
    """
    words, options = line.words({"--watch": None}, listed=True)
    if not words:
        raise line.fault("Which device? `%qs where` reads everything that moves")
    names = [each.text for each in words]
    if "watch" in options:
        return _watch(session, {"names": names}, all_fields=True)
    return ReadingsView(session.rm.device_read(names)["devices"])


@word("where", "[--watch]")
def where(session: Session, line: Line) -> ReadingsView | None:
    """Show where everything that moves is now.

    It works at any time, also while a plan runs or is paused. With --watch, the table is updated every second, until
    Ctrl-C.
    """
    words, options = line.words({"--watch": None})
    if words:
        raise line.fault("where takes only --watch; to read one device: %qs read DEVICE", words[0].start)
    if "watch" in options:
        return _watch(session, {}, all_fields=False)
    return ReadingsView(session.rm.device_read()["devices"], all_fields=False)


def _watch(session: Session, params: dict[str, Any], *, all_fields: bool) -> None:
    """Show the table again every second. The service reads each device once a second for all who watch it."""
    output = session.settings.progress_output()
    answered = time.monotonic()
    try:
        while True:
            try:
                devices = session.rm.device_read(**params, max_age=_PERIOD)["devices"]
                answered = time.monotonic()
            except RequestTimeoutError:
                if time.monotonic() - answered > _AWAY:
                    raise
            else:
                table = _fitted(ReadingsView(devices, all_fields=all_fields).text(terminal_width()))
                if output.shows:
                    output.picture("readings", table)
                    output.clear()  # a notebook draws it now
                else:
                    print(table, flush=True)
            time.sleep(_PERIOD)
    except KeyboardInterrupt:
        print(flush=True)  # start the prompt on a new line


def _fitted(table: str) -> str:
    """The lines of a table that fit into the terminal, so that the next one can be drawn over it."""
    lines, room = table.split("\n"), terminal_height() - _OTHER_LINES
    return table if len(lines) <= room else "\n".join([*lines[: room - 1], f"  … and {len(lines) - room + 1} more"])
