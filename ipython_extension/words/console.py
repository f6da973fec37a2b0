"""The command that shows the console output of the service."""

import time

from bluesky_qs.client.failures import RequestTimeoutError
from bluesky_qs.client.monitor import Screen
from bluesky_qs.wire.info import CONSOLE
from ipython_extension.live.console import ConsoleTail
from ipython_extension.session.session import Session
from ipython_extension.shown.console_text import ConsoleText
from ipython_extension.typed.line import Line
from ipython_extension.words.vocabulary import word

#: Lines to show by default.
_LINES = 20
_MESSAGES = 1000
#: Seconds between requests if the console is not published (start-re-manager without --zmq-publish-console).
_LOOK = 0.5
#: Seconds for which the service may be unreachable, because it may be restarting.
_AWAY = 15.0


@word("log", "[-f] [-n N]")
def log(session: Session, line: Line) -> ConsoleText | None:
    """Show the last N lines of the console (20); with -f also show new output, until Ctrl-C.

    The console has the output of startup code, plans, scripts and the service itself.
    """
    words, options = line.words({"-f": None, "-n": line.count})
    if words:
        raise line.fault("Expected -f or -n N", words[0].start)
    wanted = options.get("n", _LINES)
    tail = ConsoleTail(session.rm) if "f" in options else None
    shown = _last_lines(session, wanted)
    if tail is None:
        return shown
    if shown:
        print(shown.rstrip("\n"))
    try:
        _follow(session, tail)
    except KeyboardInterrupt:
        print(flush=True)  # start the prompt on a new line
    return None


def _last_lines(session: Session, count: int) -> ConsoleText:
    screen = Screen(count)
    for message in session.rm.console_get(limit=_MESSAGES)["messages"]:
        screen.write(message["msg"])
    return ConsoleText(screen.text(count))


def _follow(session: Session, tail: ConsoleTail) -> None:
    """Print new output whenever a message announces it, and from time to time without a message."""
    answered = time.monotonic()
    with session.rm.subscribe(CONSOLE) as messages:
        while True:
            try:
                print(tail.new(), end="", flush=True)
                answered = time.monotonic()
            except RequestTimeoutError:
                if time.monotonic() - answered > _AWAY:
                    raise
            messages.next(_LOOK)
            while messages.next(0):  # the reply to the next request holds all of them
                pass
