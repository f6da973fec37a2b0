"""Commands that run code in the worker: functions, scripts, and this session's definitions."""

import inspect
import math
from typing import Any

from bluesky_qs.words.planexpr import Item
from bluesky_qs.words.plantext import plan_text
from ipython_extension.live.console import ConsoleTail, TaskOutput
from ipython_extension.session import functions
from ipython_extension.session.session import Session
from ipython_extension.session.waiting import waiting
from ipython_extension.shown import reply_views
from ipython_extension.shown.display import ReplyView, View
from ipython_extension.shown.error_rendering import NotDone
from ipython_extension.shown.reply_views import Reply
from ipython_extension.shown.tables import length_of_time, plural, shortened
from ipython_extension.typed.line import Line, hint
from ipython_extension.typed.source_export import MISSING, own_names, script_for
from ipython_extension.words.vocabulary import cell, word

#: Seconds to wait for a task's last lines after its result.
_LAST_LINES = 0.5
_NAME_WIDTH = 60


@word("func", "NAME(ARGS) [--background]")
def func(session: Session, line: Line) -> Any:
    """Call a function in the worker and return its value.

    Its output is shown. Ctrl-C stops the wait, not the function. With --background, the function runs alongside plans,
    and the reply says how to get its value.

        x = %qs func last_position("motor")
    """
    items, given = _calls(line)
    call = plan_text(items[0], session.known())
    background = "background" in given
    console = ConsoleTail(session.rm)
    reply = session.rm.function_execute({**items[0], "item_type": "function"}, run_in_background=background)
    if background:
        return _in_background(session, reply, call)
    value = _run(session, reply, call, console)["return_value"]
    if (name := items[0]["name"]) not in session.functions:
        session.functions.append(name)
    return value


@cell("script", "[--background] [--update-re] [--keep-lists]")
def script(session: Session, line: Line) -> View:
    """Run the cell in the worker's namespace, which contains the plans and devices.

    Its output is shown. If it fails, the error has the worker's traceback. Plans and devices that it defines can be
    used afterwards. --background runs it alongside plans, --update-re lets it replace RE, and --keep-lists leaves the
    lists of plans and devices as they are.
    """
    first, _, source = line.text[line.at :].partition("\n")
    head = Line(line.text[: line.at + len(first)], line.at)
    words, given = head.words({"--background": None, "--update-re": None, "--keep-lists": None})
    if words:
        raise head.fault("Expected an option", words[0].start)
    return _upload(session, source, given)


@word("push", "NAME…")
def push(session: Session, line: Line) -> View:
    """Send this session's functions, plans or plain values to the worker, as they were typed here.

    The imports that they need are sent too. Anything else that they need must already be in the worker, or be pushed
    with them. A plan can be queued afterwards. If the worker has a plan or device of the same name, it is replaced for
    everybody until the environment is opened again.

        def wiggle(det, motor, n=3):
            for _ in range(n):
                yield from bp.scan([det], motor, -1, 1, 5)

        %qs push wiggle
        %qs add wiggle(det1, motor)
    """
    tokens, _ = line.words()
    if not tokens:
        raise line.fault("Expected the name of one of this session's functions, plans or values")
    names = list(dict.fromkeys(token.text.rstrip(",") for token in tokens))
    before = session.known(session.line_status())
    source = script_for(names, session.settings.variables(), session.settings.inputs())
    try:
        reply = _upload(session, source, {}, task="the push")
    except NotDone as error:
        _, complaint, missing = str(error).partition(MISSING)
        if not complaint:
            raise
        raise NotDone(_advice(session, missing.split(", "), names)) from None
    known = session.known(session.status())
    plans = [name for name in names if name in known.plans]
    others = [name for name in names if name not in known.plans]
    lines = [f"{', '.join(plans)} can be queued now."] if plans else []
    lines += [f"{', '.join(others)} {'is' if len(others) == 1 else 'are'} in the worker now."] if others else []
    lines += _replaced([name for name in names if name in before.plans], "plan")
    lines += _replaced([name for name in names if name in before.devices], "device")
    called = [name for name in others if inspect.isroutine(session.settings.variables()[name])]
    session.functions += [name for name in called if name not in session.functions]
    return ReplyView(reply, " ".join([*lines, *_callable(session, called)]))


def _advice(session: Session, missing: list[str], pushed: list[str]) -> str:
    """Advice about names that the pushed definitions need and the worker does not have."""
    own = session.settings.variables()
    if unknown := [name for name in missing if name not in own]:
        known = session.known()
        there = [*known.devices, *known.plans, *own_names(own)]
        hints = (f"{name}{hint(name, there)}" for name in unknown)
        it = "it" if len(unknown) == 1 else "them"
        lacks = f"Neither the worker nor this session has {', '.join(hints)}."
        return f"{lacks} Import or define {it} here, then push again. Nothing was pushed."
    it = "it" if len(missing) == 1 else "them"
    return f"The worker has no {', '.join(missing)}. Push {it} too: %qs push {' '.join([*missing, *pushed])}"


def _replaced(names: list[str], kind: str) -> list[str]:
    """A sentence about the worker's plans or devices that a push has replaced."""
    if not names:
        return []
    verb, kinds = ("replaces", kind) if len(names) == 1 else ("replace", f"{kind}s")
    until = "until the environment is opened again"
    return [f"{', '.join(names)} {verb} the {kinds} of the same name in the worker, for everybody, {until}."]


def _callable(session: Session, names: list[str]) -> list[str]:
    """A sentence about pushed functions that this group may not call."""
    refused = [name for name in names if functions.may_call(session, name) is False]
    if not refused:
        return []
    they, it = ", ".join(refused), "it" if len(refused) == 1 else "them"
    group = session.rm.user_group
    reason = f"'allowed_functions' in user_group_permissions.yaml does not permit group {group!r} to call {they}"
    return [f"{reason} with %qs func; call {it} in a %%qs script cell: print({refused[0]}(…))"]


def _calls(line: Line) -> tuple[list[Item], dict[str, Any]]:
    given: dict[str, Any] = {}
    items: list[Item] = []
    while line.more():
        start = line.at
        if not line.option({"--background": None}, given):
            line.begins_call("Write a function call")
            items.append(line.plan())
            if len(items) > 1 or items[-1]["item_type"] != "plan":
                raise line.fault("func takes one function call", start)
    if not items:
        raise line.fault("Expected a function call, such as function_sleep(5)")
    return items, given


def _upload(session: Session, source: str, given: dict[str, Any], *, task: str = "the script") -> ReplyView:
    background = "background" in given
    console = ConsoleTail(session.rm)
    reply = session.rm.script_upload(
        source,
        update_re="update-re" in given,
        update_lists="keep-lists" not in given,
        run_in_background=background,
    )
    if background:
        return _in_background(session, reply, task)
    before = session.known()
    result = _run(session, reply, task, console)
    took = length_of_time(result["time_stop"] - result["time_start"])
    new = [name for name in session.known(session.status()).plans if name not in before.plans]
    more = f"; {plural(len(new), 'new plan')}: {shortened(', '.join(new), _NAME_WIDTH)}" if new else ""
    return ReplyView({**reply, **result}, f"Done in {took}{more}.")


def _run(session: Session, started: Reply, task: str, console: ConsoleTail) -> dict[str, Any]:
    """Wait for the result of a task, and show its output."""
    task_uid = started["task_uid"]
    output = TaskOutput(task_uid)
    result: dict[str, Any] | None = None
    seen: object = None
    until = math.inf
    with waiting(session, f"{task} is still running in the worker") as wait:
        for status in wait.statuses():
            if result is None and (seen is None or status.get("task_results_uid") != seen):
                if reply := wait.patiently(lambda: session.rm.task_result(task_uid)):
                    seen = status.get("task_results_uid", "")
                    result = _result(reply, task)
                if result:
                    until = wait.elapsed + _LAST_LINES
            wait.copy(output.take(wait.patiently(console.new) or ""))
            if result and (output.has_ended or wait.elapsed > until):
                break
            wait.say(f"Running {task} in the worker  {length_of_time(wait.elapsed)}")
        assert result is not None
        wait.say(f"{task} took {length_of_time(result['time_stop'] - result['time_start'])}.")
    if not result["success"]:
        raise NotDone(f"{task}: {result.get('msg') or 'no reason given'}", result.get("traceback") or "")
    return result


def _result(reply: Reply, task: str) -> dict[str, Any] | None:
    """The result of a task; None while it is running."""
    if reply["status"] == "completed":
        return reply["result"]
    if reply["status"] != "running":
        raise NotDone(f"{task}: the service no longer has its result")
    return None


def _in_background(session: Session, reply: Reply, task: str) -> ReplyView:
    session.tasks.append(reply["task_uid"])
    return reply_views.started(reply, f"{task} in the background")
