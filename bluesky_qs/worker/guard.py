"""Blocks user code actions during a dry run: writing, connecting, starting programs, moving devices.

These functions change the process permanently. Only the child process of a dry run calls them.
"""

import builtins
import getpass
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, NoReturn

from bluesky_qs.foresight.report import asks_for_input
from bluesky_qs.startup.parts import class_has

#: Beginnings of the names of audit events (PEP 578) that are refused.
_REFUSED = (
    "socket.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.kill",
    "signal.pthread_kill",
    "pty.spawn",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
    "os.chown",
    "os.lockf",
    "os.utime",
    "os.setxattr",
    "os.removexattr",
    "os.chflags",
    "shutil.",
    "tempfile.",
    "sqlite3.connect",
    "fcntl.flock",
    "fcntl.lockf",
    "syslog.",
    "ftplib.",
    "smtplib.",
    "urllib.",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
#: Methods that move or change a device.
_CHANGING = (
    "put",
    "set",
    "move",
    "trigger",
    "stage",
    "unstage",
    "stop",
    "kickoff",
    "complete",
    "collect",
    "configure",
    "prepare",
)
_HARMLESS_FILES = frozenset({os.devnull})


class Blocked(PermissionError):
    """User code tried an action that a dry run does not allow."""


#: Called with a description of the blocked action.
OnBlocked = Callable[[str], object]


def refuse_calls(on_blocked: OnBlocked) -> None:
    """From now on, refuse sockets, subprocesses, signals, and writing, renaming and removing files."""
    inside = threading.local()
    #: Allowed events. A set is used because it is fast, and some events occur with each message of a plan.
    ignored = {"object.__getattr__", "sys._getframe", "builtins.id"}

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event in ignored:
            return
        if event != "open" and not event.startswith(_REFUSED):
            ignored.add(event)
            return
        if event == "open":
            _path, _mode, flags = args
            if not (isinstance(flags, int) and flags & _WRITING) or _path in _HARMLESS_FILES:
                return
        if getattr(inside, "noted", False):
            raise Blocked(f"A dry run does not allow {event}")
        inside.noted = True
        try:
            call = f"open({args[0]!r}) for writing" if event == "open" else described(event, args)
            on_blocked(call)
        finally:
            inside.noted = False
        raise Blocked(f"A dry run does not allow {call}")

    sys.addaudithook(hook)


def block_devices(on_blocked: OnBlocked, classes: Iterable[type]) -> None:
    """Refuse calls of methods that move or change devices of these classes. Plans must use messages instead."""
    for kind in classes:
        for name in _CHANGING:
            if name in vars(kind) and class_has(kind, name):
                _replace(kind, name, _blocker(name, on_blocked))


def follow_positions(
    classes: Iterable[type], position: Callable[[Any], Any], value: Callable[[Any], Any], unknown: object
) -> None:
    """Replace ``position`` and ``get`` of devices with these functions.

    If one returns ``unknown``, the original is called.
    """
    signal = getattr(sys.modules.get("ophyd.signal"), "Signal", None)
    for kind in classes:
        here = vars(kind)
        if isinstance(here.get("position"), property):
            _replace(kind, "position", property(_instead(here["position"].fget, position, unknown)))
        if signal is not None and issubclass(kind, signal) and "get" in here:
            _replace(kind, "get", _instead(here["get"], value, unknown))


def use_clock(ahead: Callable[[], float], sleep: Callable[[float], object]) -> None:
    """Make ``time.time``, ``time.monotonic`` and ``time.sleep`` use the simulated clock."""
    wall, monotonic = time.time, time.monotonic
    time.time = lambda: wall() + ahead()
    time.monotonic = lambda: monotonic() + ahead()
    time.sleep = lambda seconds, /: sleep(float(seconds))  # type: ignore[assignment]


def shorten_stacks() -> None:
    """Make bluesky record only the line that calls a plan, not the whole stack.

    Each call of a plan stub formats the
    stack, but only for a warning that the plan was never iterated. Formatting takes up to nine tenths of a dry run's
    time.
    """
    utils: Any = sys.modules.get("bluesky.utils")
    if utils is not None and getattr(utils, "traceback", None) is traceback:
        utils.traceback = SimpleNamespace(format_stack=_calling_line)


def _calling_line() -> list[str]:
    """Return the stack as bluesky's ``Plan`` expects it: the last two lines belong to bluesky itself."""
    frame = sys._getframe(3)  # noqa: SLF001 - the fast way to the caller of the plan
    code = frame.f_code
    return [f'  File "{code.co_filename}", line {frame.f_lineno}, in {code.co_name}\n', "", ""]


def refuse_input(cut: Callable[[str], NoReturn]) -> None:
    """Stop the dry run where the plan asks for input."""

    def ask(prompt: object = "", *_args: Any, **_options: Any) -> str:
        cut(asks_for_input(prompt))

    builtins.input = ask
    getpass.getpass = ask


def described(event: str, args: tuple[Any, ...]) -> str:
    """Return a call as text for a report."""
    shown = ", ".join(_short(each) for each in args if each is not None)
    return f"{event}({shown})"


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - the value's code may raise anything
        text = type(value).__name__
    return text if len(text) <= 60 else f"{text[:60]}…"  # noqa: PLR2004 - must fit on one line


def device_classes(roots: Iterable[Any]) -> list[type]:
    """Return all device classes: the classes in the libraries, and the classes of the objects in the namespace."""
    found: dict[type, None] = {}
    for module, name in (("ophyd.ophydobj", "OphydObject"), ("ophyd_async.core", "Device")):
        base = getattr(sys.modules.get(module), name, None)
        if base is not None:
            _with_subclasses(base, found)
    for each in roots:
        for kind in type(each).__mro__:
            if kind is not object:
                found.setdefault(kind)
    return list(found)


def _with_subclasses(kind: type, found: dict[type, None]) -> None:
    if kind not in found:
        found[kind] = None
        for each in kind.__subclasses__():
            _with_subclasses(each, found)


def _replace(kind: type, name: str, value: Any) -> None:
    try:
        setattr(kind, name, value)
    except (AttributeError, TypeError):  # a class in an extension module cannot be changed
        return


def _blocker(name: str, on_blocked: OnBlocked) -> Callable[..., NoReturn]:
    def blocked(self: Any, *args: Any, **_options: Any) -> NoReturn:
        shown = ", ".join(_short(each) for each in args)
        call = f"{getattr(self, 'name', '') or type(self).__name__}.{name}({shown})"
        on_blocked(call)
        raise Blocked(f"A dry run does not allow {call}; yield a message instead")

    return blocked


def _instead(original: Any, found: Callable[[Any], Any], unknown: object) -> Callable[..., Any]:
    def instead(self: Any, *args: Any, **options: Any) -> Any:
        value = found(self)
        return original(self, *args, **options) if value is unknown else value

    return instead
