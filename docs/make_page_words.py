"""Write the prompt's sentences about states and plans as examples for the page (`make reference`).

The page has these sentences in TypeScript (`bluesky_qs/web/src/words`), because it counts the seconds in them without
the service and without Python. Its tests compare them with these examples.
"""

import itertools
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import bluesky_qs
from bluesky_qs.manager.execution.decide import StopReason
from bluesky_qs.plans.model import KINDS
from bluesky_qs.words.plantext import plan_text
from ipython_extension.session.known_names import KnownNames
from ipython_extension.shown import readings_view, reply_views, status_text, tables, times_text
from ipython_extension.typed.calls import ItemCall
from ipython_extension.words import completion
from ipython_extension.words.offers import At

FILE = Path(bluesky_qs.__file__).parent / "web" / "src" / "words" / "prompt.json"

#: 2026-11-30 12:00:00 UTC.
NOW = 1796040000.0
#: Advice that applies only at the prompt.
_COMMANDS = re.compile(r" \(%qs [^)]*\)")
_KNOWN = {"det1", "motor", "sim_bundle.mtrs.x", "vec.axes.1"}

_IDLE: dict[str, Any] = {
    "manager_state": "idle",
    "items_in_queue": 0,
    "running_item_uid": None,
    "running_item_progress": None,
    "waiting_for": None,
    "worker_environment_exists": False,
    "worker_environment_state": "closed",
    "worker_background_tasks": 0,
    "re_state": None,
    "stopping": False,
    "pause_pending": False,
    "queue_stop_pending": False,
    "queue_autostart_enabled": False,
    "input_pending": None,
    "lock": {"environment": False, "queue": False},
    "plan_queue_mode": {"loop": False, "ignore_failures": False},
    "queue_end": None,
    "queue_at_least": False,
    "queue_stopped_reason": None,
    "queue_autostart_off_reason": None,
}
_OPEN = {"worker_environment_exists": True, "worker_environment_state": "idle", "re_state": "idle"}
_RUNNING = {**_OPEN, "manager_state": "executing_queue", "running_item_uid": "a", "re_state": "running"}
_PAUSED = {**_RUNNING, "manager_state": "paused", "re_state": "paused"}


#: Results of the last plan; the user is ada.
_ENDINGS: list[dict[str, Any]] = [
    {"exit_status": "completed"},
    {"exit_status": "failed"},
    {"exit_status": "unknown"},
    {"exit_status": "aborted", "ended_by": "grace"},
    {"exit_status": "halted", "ended_by": "ada"},
    {"exit_status": "aborted", "ended_by": ""},
]


#: The service's reason, the state and the number of items, for queues that have stopped although their plan completed.
_STOPS = [
    (StopReason.PAUSE_MISSED.value, "idle", 2),
    (StopReason.PAUSE_MISSED.value, "executing_queue", 2),
    (StopReason.STOP_REQUESTED.value, "idle", 1),
    (None, "idle", 1),
]


def _progress(events: int, total: int | None, *, began: float = 30.0, **more: Any) -> dict[str, Any]:
    fields = {"events": events, "num_points": total, "time_start": NOW - began, "time_paused": 0.0}
    return {"running_item_progress": {**fields, "paused_since": None, **more}}


def _waiting(kind: str, text: str, since: float) -> dict[str, Any]:
    return {"waiting_for": {"kind": kind, "text": text, "devices": [], "since": NOW - since}}


_STATES: list[dict[str, Any]] = [
    {},
    _OPEN,
    {**_OPEN, "items_in_queue": 1},
    {**_OPEN, "items_in_queue": 12, "plan_queue_mode": {"loop": True, "ignore_failures": True}},
    {**_OPEN, "re_state": "panicked"},
    {**_OPEN, "stopping": True},
    {**_OPEN, "lock": {"environment": True, "queue": True}, "queue_autostart_enabled": True},
    {**_OPEN, "lock": {"environment": False, "queue": True}, "worker_background_tasks": 2},
    {**_OPEN, "worker_environment_state": "reserved", "worker_background_tasks": 1},
    {"manager_state": "initializing"},
    {"manager_state": "initializing", "running_item_uid": "a", "items_in_queue": 2, **_progress(4, 10)},
    {"manager_state": "creating_environment", "items_in_queue": 3},
    {"manager_state": "closing_environment"},
    {"manager_state": "destroying_environment"},
    {**_OPEN, "manager_state": "starting_queue", "items_in_queue": 2},
    {**_OPEN, "manager_state": "executing_task"},
    {**_OPEN, "manager_state": "something_new"},
    _RUNNING,
    {**_RUNNING, **_progress(0, 10), "items_in_queue": 4},
    {**_RUNNING, **_progress(1, 10)},
    {**_RUNNING, **_progress(4, 10), "items_in_queue": 1, "queue_stop_pending": True},
    {**_RUNNING, **_progress(10, 10)},
    {**_RUNNING, "items_in_queue": 2, "queue_end": NOW + 5400},
    {**_RUNNING, "items_in_queue": 2, "queue_end": NOW + 86400, "queue_at_least": True},
    {**_RUNNING, "queue_end": NOW + 60},
    {**_RUNNING, **_progress(7, None, began=4000.0)},
    {**_RUNNING, **_progress(208, 441, began=1600.0, time_paused=600.0)},
    {**_RUNNING, **_progress(2, 1000000, began=90000.0)},
    {**_RUNNING, **_progress(2, 10**9, began=90000.0)},
    {**_RUNNING, **_progress(3, 10), "pause_pending": True, "stopping": True},
    {**_RUNNING, **_progress(3, 10), **_waiting("suspender", "suspended by ring current (12 mA)", 20)},
    {**_PAUSED, "items_in_queue": 2, "queue_end": NOW + 5400},
    {**_RUNNING, **_progress(9999, 10000, began=30.0)},
    {**_PAUSED, **_progress(3, 10, paused_since=NOW - 60), **_waiting("pause", "paused at 11:59 by grace", 60)},
    {**_RUNNING, **_waiting("motor", "waiting for motor (0.000 → 5.000 mm, 62 %, 12 s to go)", 5)},
    {**_RUNNING, **_waiting("motor", "waiting for motor", 0.5)},
    {**_RUNNING, "input_pending": {"prompt": " "}, **_waiting("input", "waiting for input", 5)},
    {**_RUNNING, "input_pending": {"prompt": " Sample in? "}, **_waiting("input", "waiting for input", 5)},
]


def _parameter(name: str, kind: str = "POSITIONAL_OR_KEYWORD", **more: Any) -> dict[str, Any]:
    if annotation := more.pop("type", ""):
        more["annotation"] = {"type": annotation, **more.pop("lists", {})}
    return {"name": name, "kind": {"name": kind, "value": KINDS[kind]}, **more}


def _plan(name: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "parameters": [*parameters, _parameter("md", "KEYWORD_ONLY", default="None")]}


_DETECTORS = _parameter("detectors", type="collections.abc.Sequence[__READABLE__]")
_DESCRIBED = [
    _plan("count", _DETECTORS, _parameter("num", default="1", type="int | None"), _parameter("delay", default="0.0")),
    _plan(
        "scan",
        _DETECTORS,
        _parameter("args", "VAR_POSITIONAL", type="__MOVABLE__ | typing.Any"),
        _parameter("num", "KEYWORD_ONLY", default="None", type="int | None"),
    ),
    _plan("mv", _parameter("args", "VAR_POSITIONAL")),
    _plan(
        "prepare",
        _parameter("device", "POSITIONAL_ONLY"),
        _parameter("mode", type="typing.Literal['fast', 'slow', 3]"),
        _parameter("motors", type="typing.List[Motors]", lists={"devices": {"Motors": ["motor", "motor2"]}}),
        _parameter("kind", type="Kinds", lists={"enums": {"Kinds": ["HINTED", "NORMAL"]}}),
        _parameter("snake", "KEYWORD_ONLY", type="typing.Iterable | bool | None", default="None"),
        _parameter("label", "KEYWORD_ONLY", type="str", default="''"),
        _parameter("inner", "KEYWORD_ONLY", type="__PLAN__"),
        _parameter("rest", "VAR_KEYWORD"),
    ),
]


def _device(*abilities: str, **components: Any) -> dict[str, Any]:
    able = {f"is_{each}": each in abilities for each in ("readable", "movable", "flyable")}
    return {"classname": "D", "module": "m", **able, **({"components": components} if components else {})}


_DEVICES = {
    "det1": _device("readable"),
    "motor": _device("readable", "movable", setpoint=_device("readable"), velocity=_device("readable", "movable")),
    "motor2": _device("readable", "movable"),
    "shutter": _device("movable"),
    "stage": _device(x=_device("readable", "movable")),
}
_TYPED = (
    *("", "c", "sc", "queue", "count", "count(", "count([", "count([de", "count([det1], ", "count([det1], n"),
    *(
        "count([det1], num=",
        "count([det1], num=3, ",
        "count(detectors=[mo",
        "count([motor.",
        "count([motor.v",
        "count('de",
    ),
    *(
        "count([det1], 3, ",
        "count([det1], delay=",
        "count([det1], md={'a': d",
        "RE(count([de",
        "RE(co",
        "RE(count([det1]), ",
    ),
    *(
        "scan([det1], ",
        "scan([det1], mot",
        "scan([det1], motor, ",
        "scan([det1], motor, -1, 1, ",
        "scan([det1], motor, -1, 1, n",
    ),
    *(
        "scan([det1], motor, -1, 1, num=3, ",
        "scan([det1], stage.x, ",
        "mv(",
        "mv(motor.velocity, ",
        "nothing(",
        "nothing(de",
    ),
    *("prepare(", "prepare(det1, ", "prepare(det1, f", "prepare(det1, 'fast', [", "prepare(det1, 'fast', [motor, mo"),
    *(
        "prepare(det1, 'fast', [motor], ",
        "prepare(det1, mode=",
        "prepare(det1, snake=",
        "prepare(det1, label=",
        "prepare(det1, inner=",
    ),
    *("prepare(det1, rest=", "count([det1], # x", "count([det1]) ", "count([det1, (", "count(\n  [de"),
)

_PLANS: list[dict[str, Any]] = [
    {"name": "count", "args": [["det1"]], "kwargs": {"num": 10, "delay": 0.5}},
    {"name": "scan", "args": [["det1", "det2"], "motor", -1, 1.5, 21]},
    {"name": "mv", "args": ["vec.axes.1", 1e-05, "sim_bundle.mtrs.x", 2.5e20]},
    {"name": "p", "kwargs": {"a b": 1, "class": 2, "x": None, "y": True, "z": False}},
    {
        "name": "p",
        "args": ["it's", 'say "x"', "both ' and \"", "a\\b\n\tc\u0001", "Å µm", {"k": [1, "motor"], "e": {}}],
    },
    {"name": "p", "args": [0.0001, 0.00001234, 123456789.5, 1.5e16, [], [[]]]},
    {"name": "queue_stop", "item_type": "instruction"},
    {"name": "nothing"},
]


def _estimate(seconds: float | None, start: float | None = None, **more: Any) -> dict[str, Any]:
    known = {"seconds": seconds, "low": seconds, "high": seconds, "at_least": False, "source": "walk", "reason": ""}
    return {**known, "start": start, "start_at_least": False, **more}


_ESTIMATES: list[dict[str, Any]] = [
    _estimate(720.0, NOW + 9000),
    _estimate(0.44, NOW + 86400),
    _estimate(0.05),
    _estimate(0.04, NOW + 60),
    _estimate(9.96, NOW + 60, start_at_least=True),
    _estimate(59.4),
    _estimate(59.6),
    _estimate(3590.0),
    _estimate(7500.0),
    _estimate(180.0, NOW + 60, at_least=True),
    _estimate(0.0, NOW + 60, at_least=True),
    _estimate(0.9, NOW + 60, at_least=True),
    _estimate(None, NOW + 60, source="unknown", reason="The plan has not been estimated yet"),
    _estimate(None, NOW + 60, low=200.0, at_least=True),
    _estimate(None, NOW + 60, low=0.5, at_least=True),
]
_QUEUES: list[dict[str, Any]] = [
    {"seconds": 7800.0, "low": 7000.0, "high": 8000.0, "at_least": False, "start": NOW, "end": NOW + 7800},
    {"seconds": 300.0, "low": 300.0, "high": 300.0, "at_least": True, "start": NOW, "end": NOW + 300},
    {"seconds": 50000.0, "low": 300.0, "high": 300.0, "at_least": False, "start": NOW, "end": NOW + 50000},
    {"seconds": None, "low": None, "high": None, "at_least": False, "start": None, "end": None},
]


def _described(**kinds: str) -> dict[str, Any]:
    about = {"args": "for each axis: motor, start, stop"} if "num" in kinds else {}
    parameters = [
        {"name": name, "kind": {"name": kind, "value": 0}, "description": about.get(name, "")}
        for name, kind in kinds.items()
    ]
    return {"name": "p", "parameters": parameters}


_ANY, _SPREAD, _NAMED, _REST = "POSITIONAL_OR_KEYWORD", "VAR_POSITIONAL", "KEYWORD_ONLY", "VAR_KEYWORD"
_COUNT = _described(detectors=_ANY, num=_ANY, delay=_ANY, md=_NAMED)
_SCAN = _described(detectors=_ANY, args=_SPREAD, num=_NAMED)
_OWN = _described(first=_ANY, args=_SPREAD, last=_NAMED)
_LOOSE = _described(args=_SPREAD, kwargs=_REST)
#: Items, their plans, and the parameter to change.
_EDITS: list[tuple[dict[str, Any], dict[str, Any], str, Any]] = [
    ({"args": [["det1"]], "kwargs": {"num": 3}}, _COUNT, "num", 5),
    ({"args": [["det1"], 3]}, _COUNT, "num", 5),
    ({"args": [["det1"], 3]}, _COUNT, "delay", 0.5),
    ({"args": [["det1"]]}, _COUNT, "nmu", 5),
    ({"args": [["det1"], "motor", -1, 1, 5]}, _SCAN, "num", 9),
    ({"args": [["det1"], "motor", -1, 1], "kwargs": {"num": 5}}, _SCAN, "num", 9),
    ({"args": [["det1"], "motor", -1, 1]}, _SCAN, "num", 9),
    ({"args": [["det1"], "motor", -1, 1, 5, 6]}, _SCAN, "num", 9),
    ({"args": [["det1"], "motor", -1, 1, 5]}, _SCAN, "args", 9),
    ({"args": [1, 2, 3]}, _OWN, "last", 4),
    ({"args": [1, 2, "x"]}, _OWN, "last", 4),
    ({"args": [1]}, _OWN, "last", 4),
    ({"args": [1, 2]}, _OWN, "lsat", 4),
    ({"args": [1, 2]}, _LOOSE, "any", 4),
    ({"args": [1, "x"]}, _LOOSE, "any", 4),
    ({"kwargs": {"any": 1}, "args": [2]}, _LOOSE, "any", 4),
    ({"kwargs": {"any": 1}}, {"name": "unknown"}, "any", 4),
]
_VALUES: list[float] = [
    0.0, -0.0, 5.0, -1.0, 0.5, 0.676676416, -12.3456789, 123456.78, 999999.4, 999999.6, 1234567.8, 12345678.0, 1e14,
    1e15, 1e300, 0.0001, 0.00009999996, -1.23456e-5, 7e-12, 1 / 3,
]  # fmt: skip
_HOW = [
    {"is_running": True, "is_loop": False, "is_held": False},
    {"is_running": False, "is_loop": False, "is_held": False},
    {"is_running": False, "is_loop": True, "is_held": False},
    {"is_running": True, "is_loop": False, "is_held": True},
]
_LOCK = {"environment": True, "queue": True, "user": "ada", "note": None, "time": NOW - 90, "time_str": ""}
_LOCKS: list[dict[str, Any]] = [
    _LOCK,
    {**_LOCK, "environment": False, "user": "UNAUTHENTICATED_SINGLE_USER (grace)", "note": "aligning, back soon!"},
    {**_LOCK, "queue": False, "note": "bake-out"},
    {**_LOCK, "environment": False, "queue": False},
]


def text() -> str:
    """The content of the file."""
    with _at_noon_in_utc():
        examples = {
            "now": NOW,
            "states": [_state(changes) for changes in _STATES],
            "plans": [{"item": item, "text": plan_text(item, _KNOWN)} for item in _PLANS],
            "known": sorted(_KNOWN),
            "locks": [{"info": info, "sentence": reply_views.lock_sentence(info, "")} for info in _LOCKS],
            "described": {"plans": {plan["name"]: plan for plan in _DESCRIBED}, "devices": _DEVICES},
            "completions": [_completions(typed) for typed in _TYPED],
            "lengths": [[seconds, tables.length_of_time(seconds)] for seconds in _lengths()],
            "values": [[value, readings_view.number_text(value)] for value in _VALUES],
            "moments": [[epoch, tables.moment(epoch, NOW)] for epoch in (NOW - 5, NOW - 86400, NOW - 4e7)],
            "clocks": [[epoch, times_text.clock(epoch)] for epoch in (NOW + 9000, NOW + 50000)],
            "estimates": [_item(*each) for each in itertools.product(_ESTIMATES, (False, True))],
            "queues": [_queue(each, **how) for each in _QUEUES for how in _HOW],
            "stopped": [_stopped(*each) for each in itertools.product(_ENDINGS, ("idle", "executing_queue"), (0, 2))],
            "stoppedByItself": [_stopped_by_itself(*each) for each in _STOPS],
            "edits": [_edit(*each) for each in _EDITS],
        }
    return json.dumps(examples, indent=1, ensure_ascii=False) + "\n"


def _stopped(result: dict[str, Any], state: str, queued: int) -> dict[str, Any]:
    status, last = {"manager_state": state, "stopping": False, "items_in_queue": queued}, {"result": result}
    sentence = status_text.queue_stopped(status, last, "ada")
    return {"status": status, "last": last, "sentence": re.sub(r" %qs .*", "", sentence)}


def _stopped_by_itself(why: str | None, state: str, queued: int) -> dict[str, Any]:
    status = {"manager_state": state, "stopping": False, "items_in_queue": queued, "queue_stopped_reason": why}
    return {"status": status, "sentence": re.sub(r" %qs .*", "", status_text.stopped_by_itself(status))}


def _state(changes: dict[str, Any]) -> dict[str, Any]:
    status = {**_IDLE, **changes}
    sentence = status_text.status_sentence(status, "count([det1])" if status["running_item_uid"] else "", 1000)
    waits = status_text.held_sentence(status, "") or status_text.own_wait(status)
    return {
        "status": status,
        "sentence": _COMMANDS.sub("", sentence),
        "waiting": f"{waits[:1].upper()}{waits[1:].removesuffix('.')}." if waits else "",
    }


def _edit(parts: dict[str, Any], plan: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    item = {"item_type": "plan", "name": plan["name"], **parts}
    call = ItemCall(item, plan, set(), "%qs edit 0")
    refused = call.objection(name, value) is not None
    return {
        "item": item,
        "plan": plan,
        "name": name,
        "value": value,
        "refused": refused,
        **call.with_parameters({name: value}),
    }


def _item(estimate: dict[str, Any], is_held: bool) -> dict[str, Any]:
    return {"estimate": estimate, "isHeld": is_held, "text": times_text.item_text(estimate, is_held=is_held)}


def _queue(queue: dict[str, Any], *, is_running: bool, is_loop: bool, is_held: bool) -> dict[str, Any]:
    text = times_text.queue_text(queue, is_running=is_running, is_loop=is_loop, is_held=is_held)
    return {"queue": queue, "isRunning": is_running, "isLoop": is_loop, "isHeld": is_held, "text": text}


def _completions(typed: str) -> dict[str, Any]:
    """The completions after ``%qs add`` and this text, without a second plan, which does not fit on the page."""
    known = KnownNames({plan["name"]: plan for plan in _DESCRIBED}, _DEVICES)
    session: Any = SimpleNamespace(at_hand=lambda: known, settings=SimpleNamespace(variables=dict))
    found = completion.plan_offers(At(session, typed, ""))
    is_second = typed.startswith("count([det1]) ")
    return {
        "typed": typed,
        "fragment": found.fragment,
        "offers": [] if is_second else [list(each) for each in found.offers],
    }


def _lengths() -> list[float]:
    edges = (9.9, 10.0, 59.4, 60.0, 3599.0, 3600.0, 86399.0, 86400.0, 300000.0)
    return list(itertools.chain((-1.0, 0.0, 0.04), edges))


@contextmanager
def _at_noon_in_utc() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        with (
            patch.object(time, "time", lambda: NOW),
            patch.object(status_text, "moment", lambda epoch: tables.moment(epoch, NOW)),
            patch.object(reply_views, "moment", lambda epoch: tables.moment(epoch, NOW)),
        ):
            yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()


def main() -> None:
    """Write the file."""
    FILE.write_text(text())


if __name__ == "__main__":
    main()
