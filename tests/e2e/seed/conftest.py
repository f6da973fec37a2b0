"""The second terminal of the tutorials: lines of `qserver`, and what they print."""

import ast
import re
import shlex
from typing import Any, ClassVar

import pytest


class _Uid:
    """Equal to every uid."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and bool(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", other))

    __hash__ = None

    def __repr__(self) -> str:
        return "<a uid>"


class Terminal:
    """Runs lines of `qserver` against a service and compares what they print."""

    UID = _Uid()
    ACCEPTED: ClassVar[dict[str, Any]] = {"msg": "", "success": True}

    def __init__(self, service) -> None:
        self.service = service

    def __call__(self, line: str, *, code: int = 0) -> dict[str, Any]:
        """The value that a line prints under the time at which it came."""
        done = self.service.qserver(*shlex.split(line))
        assert done.returncode == code, done.stdout + done.stderr
        head, _, shown = done.stdout.partition("MESSAGE:\n")
        assert re.fullmatch(r"\d\d:\d\d:\d\d - ", head), done.stdout
        return ast.literal_eval(shown)

    def shows(self, line: str, expected: dict[str, Any], *, code: int = 0) -> dict[str, Any]:
        """Run a line that must print at least these keys, with these values; the value that it prints comes back."""
        answer = self(line, code=code)
        assert _shared(answer, expected) == expected
        return answer

    def accepts(self, line: str) -> None:
        """Run a line that prints no more than that it was accepted."""
        assert self(line) == self.ACCEPTED


def _shared(value: Any, expected: Any) -> Any:
    """The part of a value of which an expected value speaks."""
    if isinstance(value, dict) and isinstance(expected, dict):
        return {key: _shared(value[key], part) for key, part in expected.items() if key in value}
    if isinstance(value, list) and isinstance(expected, list) and len(value) == len(expected):
        return [_shared(*pair) for pair in zip(value, expected, strict=True)]
    return value


@pytest.fixture
def terminal(qserver_here):
    """A terminal for a service."""
    return lambda service: Terminal(qserver_here(service))


@pytest.fixture
def qserver(service_of_tutorials):
    """A terminal for a service with the built-in profile, over 0MQ and over HTTP."""
    return Terminal(service_of_tutorials)


@pytest.fixture
def sleep_ends(qserver, gate):
    """An open environment in which `ttime.sleep` ends when this is called, whatever the number of seconds."""
    qserver.service.open()
    script = f"class ttime:\n    @staticmethod\n    def sleep(seconds):\n        open({str(gate.path)!r}).close()\n"
    qserver.service.do("script_upload", script=script)
    qserver.service.wait_idle()
    return gate.open
