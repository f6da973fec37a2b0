"""The service's console output as it is printed: all new output, or the output of one task."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.client.sync import REManagerAPI

_PAGE = 1000
#: Log lines of the service itself.
_OF_THE_SERVICE = re.compile(r"^\[[A-Z] [^\]\n]* bluesky_qs\.[^\]\n]*\][^\n]*\n", re.MULTILINE)
#: Log lines about anybody's requests to the HTTP door.
_OF_THE_DOOR = re.compile(r"^\[[A-Z] [^\]\n]* bluesky_qs\.door\.audit\][^\n]*\n?", re.MULTILINE)


class ConsoleTail:
    """New console output of the service, if the service keeps its output.

    Parameters
    ----------
    selected
        Parameters of `console_get` that select a log or lines.
    """

    def __init__(self, rm: REManagerAPI, **selected: Any) -> None:
        self._rm = rm
        self._selected = selected
        self._since: int | None = None
        self._is_kept = True
        self.text = ""
        self._page(limit=1)

    def new(self) -> str:
        """Return the output since the last call."""
        parts: list[str] = []
        while messages := self._page(limit=_PAGE):
            parts += [message["msg"] for message in messages]
            if len(messages) < _PAGE:
                break
        fresh = "".join(parts)
        self.text += fresh
        return fresh

    def read(self) -> str:
        """Return all output up to now, without the audit log of the HTTP door."""
        self.new()
        return _OF_THE_DOOR.sub("", self.text)

    def last_line(self) -> str:
        """Return the last nonempty line."""
        lines = self.read().replace("\r", "\n").strip().splitlines()
        return lines[-1] if lines else ""

    def _page(self, limit: int) -> Sequence[Mapping[str, Any]]:
        if not self._is_kept:
            return []
        try:
            page = self._rm.console_get(self._since, limit=limit, **self._selected)
        except RequestFailedError:
            self._is_kept = False  # the service keeps no console, so there is nothing to show
            return []
        if self._since is not None and page["last"] < self._since:
            self._since = 0  # the service has restarted and counts from 0
            return self._page(limit)
        messages = page["messages"]
        self._since = messages[-1]["seq"] if messages else page["last"]
        return messages


class TaskOutput:
    """The output of a task: the console output between the log lines about its start and its end."""

    def __init__(self, task_uid: str) -> None:
        uid = re.escape(task_uid)
        self._begin = re.compile(rf"\[[A-Z] [^\]\n]*\] Starting the task {uid}[^\n]*\n")
        self._end = re.compile(rf"\[[A-Z] [^\]\n]*\] The task {uid} ")
        self._text = ""
        self._has_begun = self.has_ended = False

    def take(self, text: str) -> str:
        """Process more console output; return the complete lines that belong to the task."""
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
