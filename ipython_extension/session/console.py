"""Console output of the service: from now on, of one task, and as text that stays."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

from bluesky_qs.client.failures import RequestFailedError
from ipython_extension.session.session import Session
from ipython_extension.shown.display import View

_PAGE = 1000
#: Lines that the service's own code logs.
_OF_THE_SERVICE = re.compile(r"^\[[A-Z] [^\]\n]* bluesky_qs\.[^\]\n]*\][^\n]*\n", re.MULTILINE)
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class ConsoleTail:
    """What the service has printed from now on, as far as it tells."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._since: int | None = None
        self._told = True
        self.text = ""
        self._page(limit=1)

    def new(self) -> str:
        """What was printed since the last look."""
        parts: list[str] = []
        while messages := self._page(limit=_PAGE):
            parts += [message["msg"] for message in messages]
            if len(messages) < _PAGE:
                break
        fresh = "".join(parts)
        self.text += fresh
        return fresh

    def read(self) -> str:
        """All of it, up to now."""
        self.new()
        return self.text

    def last_line(self) -> str:
        """The last line that says something."""
        lines = self.read().replace("\r", "\n").strip().splitlines()
        return lines[-1] if lines else ""

    def _page(self, limit: int) -> Sequence[Mapping[str, Any]]:
        if not self._told:
            return []
        try:
            page = self._session.rm.console_get(self._since, limit=limit)
        except RequestFailedError:
            self._told = False  # a service that keeps no console: then there is nothing to show
            return []
        if self._since is not None and page["last"] < self._since:
            self._since = 0  # the service has been restarted and counts anew
            return self._page(limit)
        messages = page["messages"]
        self._since = messages[-1]["seq"] if messages else page["last"]
        return messages


class TaskOutput:
    """What a task prints: what stands in the console between the log's notes of its start and of its end."""

    def __init__(self, task_uid: str) -> None:
        uid = re.escape(task_uid)
        self._begin = re.compile(rf"\[[A-Z] [^\]\n]*\] Starting the task {uid}[^\n]*\n")
        self._end = re.compile(rf"\[[A-Z] [^\]\n]*\] The task {uid} ")
        self._text = ""
        self._has_begun = self.has_ended = False

    def take(self, text: str) -> str:
        """Lines of the task in more of the console; a line that has not ended is held back."""
        return _OF_THE_SERVICE.sub("", self._lines(text))

    def _lines(self, text: str) -> str:
        self._text += text
        if not self._has_begun:
            if (begin := self._begin.search(self._text)) is None:
                return ""
            self._has_begun = True
            self._text = self._text[begin.end() :]
        if self.has_ended:
            return ""
        if end := self._end.search(self._text):
            self.has_ended = True
            return self._text[: end.start()]
        lines, newline, self._text = self._text.rpartition("\n")
        return lines + newline


class ConsoleText(View, str):
    """Lines of the console."""

    __slots__ = ()

    def text(self, width: int) -> str:  # noqa: ARG002 - a terminal wraps lines as it likes
        return self.rstrip("\n") or "Nothing has been printed."

    def html(self) -> str:
        return f"<pre>{html.escape(_COLOURS.sub('', self.text(0)))}</pre>"
