"""Commands that read devices now: values and positions."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from bluesky_qs.client.failures import RequestTimeoutError
from bluesky_qs.errors import NotFound
from bluesky_qs.nearest import nearest
from ipython_extension.session.session import Session
from ipython_extension.shown.readings_view import ReadingsView
from ipython_extension.shown.tables import plural, terminal_height, terminal_width
from ipython_extension.typed.line import Line, LineWord
from ipython_extension.words.vocabulary import word

#: Seconds between two readings of a watched device.
_PERIOD = 1.0
#: Seconds for which the service may be unreachable, for example because it restarts.
_AWAY = 15.0
#: Number of terminal lines that are not available for the table.
_OTHER_LINES = 2
#: A name in a list; it may have brackets around it.
_NAME = re.compile(r"[^\s,]+")
_PATTERN = "*?"

Readings = Mapping[str, Any]


@word("read", "DEVICE… [--watch]")
def read(session: Session, line: Line) -> ReadingsView | None:
    """Read devices now: value, units, limits, and whether they are moving. Names of subdevices contain dots.

    This works at any time, even while a plan is running or paused. It does not trigger or move anything, so a detector
    shows its last value. With --watch, the table is updated every second until you press Ctrl-C.

        %qs read motor det1
        %qs read motor --watch
    """
    words, options = line.words({"--watch": None}, listed=True)
    names = _names(session, line, words)
    if not names:
        raise line.fault("Which device? `%qs where` reads all movable devices")
    if "watch" not in options:
        return ReadingsView(session.rm.device_read(names)["devices"])
    _watch(session, lambda max_age: ReadingsView(session.rm.device_read(names, max_age=max_age)["devices"]))
    return None


@word("where", "[DEVICE… | GLOB] [--all] [--watch]")
def where(session: Session, line: Line) -> ReadingsView | None:
    """Show the positions of all movable devices, or of the devices that match these names or patterns.

    This works at any time, even while a plan is running or paused. Signals that are not motors, such as detector
    settings, are shown only if you name them or add --all.

    With --watch, the table is updated every second until you press Ctrl-C. It shows as many devices as fit into the
    terminal: moving devices first, then those that changed last.

        %qs where motor*
        %qs where --watch
    """
    words, options = line.words({"--watch": None, "--all": None}, listed=True)
    wanted = _Wanted(session, _names(session, line, words), shows_signals="all" in options)
    if "watch" not in options:
        return wanted.read()
    order = _Order()
    _watch(session, lambda max_age: order.of(wanted.read(max_age)))
    return None


def _names(session: Session, line: Line, words: Sequence[LineWord]) -> list[str]:
    """The device names, without brackets around them. An unknown name raises an error."""
    names: list[str] = []
    for found in (found for each in words for found in _NAME.finditer(f"{' ' * each.start}{each.text}")):
        name = found[0].lstrip("[(")
        if name.count("[") < name.count("]") or name.endswith(")"):  # an index such as slits[0] stays
            name = name[:-1]
        if not name:
            continue
        known = session.known().devices
        if known and name.partition(".")[0] not in known and not _is_pattern(name):
            known = session.known(session.line_status()).devices  # the device may be new
            if name.partition(".")[0] not in known:
                near = " or ".join(nearest(name, known, 2))
                hint = f" Did you mean {near}?" if near else " %qs devices lists them."
                raise line.fault(f"There is no device {name!r}.{hint}", found.start() + found[0].index(name), len(name))
        names.append(name)
    return names


def _is_pattern(name: str) -> bool:
    return any(char in name for char in _PATTERN)


class _Wanted:
    """Reads the devices for `where`: all movable devices, or those that match these names and patterns."""

    def __init__(self, session: Session, names: Sequence[str], *, shows_signals: bool) -> None:
        self._session = session
        self._patterns = [name for name in names if _is_pattern(name)]
        self._names = [name for name in names if not _is_pattern(name)]
        self._shows_signals = shows_signals

    def read(self, max_age: float = 0.0) -> ReadingsView:
        """Read the devices now.

        Raises
        ------
        NotFound
            No movable device matches the patterns.
        """
        ask = self._session.rm.device_read
        found: dict[str, Any] = dict(ask(self._names, max_age=max_age)["devices"]) if self._names else {}
        if self._names and not self._patterns:
            return ReadingsView(found, all_fields=False)
        moving = ask(max_age=max_age)["devices"]
        if self._patterns:
            some = {name: each for name, each in moving.items() if any(fnmatchcase(name, p) for p in self._patterns)}
            if not (found or some):
                raise NotFound(f"No movable device matches {' or '.join(self._patterns)} (%qs where lists them all)")
            return ReadingsView(found | some, all_fields=False)
        hidden = {} if self._shows_signals else self._signals(moving)
        shown = {name: each for name, each in moving.items() if name not in hidden}
        verb = "is" if len(hidden) == 1 else "are"
        note = f"{plural(len(hidden), 'signal')} {verb} not shown (%qs where --all)." if hidden else ""
        return ReadingsView(shown, all_fields=False, note=note)

    def _signals(self, moving: Readings) -> Readings:
        """The readings of settable signals that are not motors."""
        known = self._session.known().devices
        return {
            name: each
            for name, each in moving.items()
            if "Signal" in str((known.get(name) or {}).get("classname"))
            and each.get("moving") is None
            and not each.get("limits")
        }


class _Order:
    """The order of devices in a watched table: moving devices, then those that changed last, then all others."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._changed: dict[str, int] = {}
        self._round = 0

    def of(self, view: ReadingsView) -> ReadingsView:
        """The same view, sorted in this order."""
        for name, each in view.items():
            value = each.get("value")
            if name in self._values and self._values[name] != value:
                self._changed[name] = self._round
            self._values[name] = value
        self._round += 1
        return view.in_order(lambda name: (not view[name].get("moving"), -self._changed.get(name, -1)))


def _watch(session: Session, read: Callable[[float], ReadingsView]) -> None:
    """Show the table again every second. For all watchers together, the service reads each device once a second."""
    output = session.settings.progress_output()
    answered = time.monotonic()
    try:
        while True:
            try:
                view = read(_PERIOD)
                answered = time.monotonic()
            except RequestTimeoutError:
                if time.monotonic() - answered > _AWAY:
                    raise
            else:
                table = view.fitted(terminal_width(), terminal_height() - _OTHER_LINES)
                if output.shows:
                    output.picture("readings", table)
                    output.clear()  # a notebook draws it now
                else:
                    print(table, flush=True)
            time.sleep(_PERIOD)
    except KeyboardInterrupt:
        print(flush=True)  # start the prompt on a new line
