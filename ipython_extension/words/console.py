"""The word that shows what the service prints."""

import time

from bluesky_qs.client.failures import RequestTimeoutError
from bluesky_qs.client.monitor import Screen
from bluesky_qs.wire.info import CONSOLE
from ipython_extension.session.console import ConsoleTail, ConsoleText
from ipython_extension.session.session import Session
from ipython_extension.typed.line import Line
from ipython_extension.words.vocabulary import word

#: Lines that are shown unless another number is asked for.
_LINES = 20
_MESSAGES = 1000
#: Seconds between two looks where the console is not published (start-re-manager without --zmq-publish-console).
_LOOK = 0.5
#: Seconds for which a service that is followed may be away, because it is being restarted.
_AWAY = 15.0


@word("log", "[-f] [-n N]")
def log(session: Session, line: Line) -> ConsoleText | None:
    """Show the last N lines of the console (20); with -f go on with what is printed, until Ctrl-C.

    The console has what startup code, plans, scripts and the service itself print.
    """
    words, options = line.words({"-f": None, "-n": line.count})
    if words:
        raise line.fault("-f or -n N is expected here", words[0].start)
    wanted = options.get("n", _LINES)
    tail = ConsoleTail(session) if "f" in options else None
    shown = _last_lines(session, wanted)
    if tail is None:
        return shown
    if shown:
        print(shown.rstrip("\n"))
    try:
        _follow(session, tail)
    except KeyboardInterrupt:
        print(flush=True)  # the prompt begins on a line of its own
    return None


def _last_lines(session: Session, count: int) -> ConsoleText:
    screen = Screen(count)
    for message in session.rm.console_get(limit=_MESSAGES)["messages"]:
        screen.write(message["msg"])
    return ConsoleText(screen.text(count))


def _follow(session: Session, tail: ConsoleTail) -> None:
    """Print what is new whenever a message tells that there is something, and now and then without one."""
    answered = time.monotonic()
    with session.rm.subscribe(CONSOLE) as news:
        while True:
            try:
                print(tail.new(), end="", flush=True)
                answered = time.monotonic()
            except RequestTimeoutError:
                if time.monotonic() - answered > _AWAY:
                    raise
            news.next(_LOOK)
            while news.next(0):  # they are in the answer to the next request, all of them
                pass
