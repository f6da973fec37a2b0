"""Words that run code in the worker: functions, scripts, and what this session has defined."""

import inspect
import math
from typing import Any

from bluesky_qs.words.planexpr import Item, plan_text
from ipython_extension.session import functions
from ipython_extension.session.answers import Answer
from ipython_extension.session.console import ConsoleTail, TaskOutput
from ipython_extension.session.session import Session
from ipython_extension.session.waiting import waiting
from ipython_extension.shown import answer_views
from ipython_extension.shown.display import Reply, View
from ipython_extension.shown.error_rendering import NotDone
from ipython_extension.shown.tables import length_of_time, plural, shortened
from ipython_extension.typed.line import Line
from ipython_extension.typed.source_export import MISSING, script_for
from ipython_extension.words.vocabulary import cell, word

#: Seconds that the last lines of a task may take to come to the console after its result.
_LAST_LINES = 0.5
_NAME_WIDTH = 60


@word("func", "NAME(ARGS) [--background]")
def func(session: Session, line: Line) -> Any:
    """Call a function in the worker and return its value.

    What it prints is shown. Ctrl-C ends the waiting, not the function. With --background it runs beside a plan, and
    the answer tells how to ask for its value.

        x = %qs func last_position("motor")
    """
    items, given = _calls(line)
    call = plan_text(items[0], session.known())
    background = "background" in given
    console = ConsoleTail(session)
    answer = session.rm.function_execute({**items[0], "item_type": "function"}, run_in_background=background)
    if background:
        return _in_background(session, answer, call)
    value = _run(session, answer, call, console)["return_value"]
    if (name := items[0]["name"]) not in session.functions:
        session.functions.append(name)
    return value


@cell("script", "[--background] [--update-re] [--keep-lists]")
def script(session: Session, line: Line) -> View:
    """Run the cell in the worker's namespace, where plans and devices are.

    What it prints is shown; an error is raised with the worker's traceback. Plans and devices that it defines can be
    used afterwards. --background runs it beside a plan, --update-re lets it replace RE, --keep-lists leaves the lists
    of plans and devices as they are.
    """
    first, _, source = line.text[line.at :].partition("\n")
    head = Line(line.text[: line.at + len(first)], line.at)
    words, given = head.words({"--background": None, "--update-re": None, "--keep-lists": None})
    if words:
        raise head.fault("An option is expected here", words[0].start)
    return _upload(session, source, given)


@word("push", "NAME…")
def push(session: Session, line: Line) -> View:
    """Send functions, plans or plain values of this session to the worker, as they were typed here.

    Imports that they need go with them; what else they need must be in the worker, or be named too. A plan can be
    queued afterwards.

        def wiggle(det, motor, n=3):
            for _ in range(n):
                yield from bp.scan([det], motor, -1, 1, 5)

        %qs push wiggle
        %qs add wiggle(det1, motor)
    """
    tokens, _ = line.words()
    if not tokens:
        raise line.fault("The name of a function, plan or value of this session is expected here")
    names = list(dict.fromkeys(token.text.rstrip(",") for token in tokens))
    source = script_for(names, session.settings.variables(), session.settings.inputs())
    try:
        answer = _upload(session, source, {}, what="the push")
    except NotDone as error:
        _, complaint, missing = str(error).partition(MISSING)
        if not complaint:
            raise
        more = " ".join(missing.split(", "))
        raise NotDone(f"The worker has no {missing}. Push it too: %qs push {more} {' '.join(names)}") from None
    known = session.known(session.status())
    plans = [name for name in names if name in known.plans]
    others = [name for name in names if name not in known.plans]
    told = [f"{', '.join(plans)} can be queued now."] if plans else []
    told += [f"{', '.join(others)} {'is' if len(others) == 1 else 'are'} in the worker now."] if others else []
    called = [name for name in others if inspect.isroutine(session.settings.variables()[name])]
    session.functions += [name for name in called if name not in session.functions]
    return Reply(answer, " ".join([*told, *_callable(session, called)]))


def _callable(session: Session, names: list[str]) -> list[str]:
    """Whether functions that were pushed may be called."""
    refused = [name for name in names if functions.may_call(session, name) is False]
    if not refused:
        return []
    they, it = ", ".join(refused), "it" if len(refused) == 1 else "them"
    said = f"But 'allowed_functions' in user_group_permissions.yaml do not let the group {session.rm.user_group!r} call"
    return [f"{said} {they} with %qs func; a cell of %%qs script can call {it}: print({refused[0]}(…))"]


def _calls(line: Line) -> tuple[list[Item], dict[str, Any]]:
    given: dict[str, Any] = {}
    items: list[Item] = []
    while line.more():
        start = line.at
        if not line.option({"--background": None}, given):
            line.begins_call("A function is called with brackets")
            items.append(line.plan())
            if len(items) > 1 or items[-1]["item_type"] != "plan":
                raise line.fault("One call of a function is expected", start)
    if not items:
        raise line.fault("A call of a function is expected here, such as function_sleep(5)")
    return items, given


def _upload(session: Session, source: str, given: dict[str, Any], *, what: str = "the script") -> Reply:
    background = "background" in given
    console = ConsoleTail(session)
    answer = session.rm.script_upload(
        source,
        update_re="update-re" in given,
        update_lists="keep-lists" not in given,
        run_in_background=background,
    )
    if background:
        return _in_background(session, answer, what)
    before = session.known()
    result = _run(session, answer, what, console)
    took = length_of_time(result["time_stop"] - result["time_start"])
    new = [name for name in session.known(session.status()).plans if name not in before.plans]
    more = f"; {plural(len(new), 'new plan')}: {shortened(', '.join(new), _NAME_WIDTH)}" if new else ""
    return Reply({**answer, **result}, f"Done in {took}{more}.")


def _run(session: Session, started: Answer, what: str, console: ConsoleTail) -> dict[str, Any]:
    """The result of a task, when it has one; meanwhile what it prints is shown."""
    task_uid = started["task_uid"]
    output = TaskOutput(task_uid)
    result: dict[str, Any] | None = None
    seen: object = None
    until = math.inf
    with waiting(session, f"{what} goes on in the worker") as wait:
        for status in wait.statuses():
            if result is None and (seen is None or status.get("task_results_uid") != seen):
                if answer := wait.patiently(lambda: session.rm.task_result(task_uid)):
                    seen = status.get("task_results_uid", "")
                    result = _result(answer, what)
                if result:
                    until = wait.elapsed + _LAST_LINES
            wait.put(output.take(wait.patiently(console.new) or ""))
            if result and (output.has_ended or wait.elapsed > until):
                break
            wait.say(f"Running {what} in the worker  {length_of_time(wait.elapsed)}")
    assert result is not None
    if not result["success"]:
        raise NotDone(f"{what}: {result.get('msg') or 'no reason was given'}", result.get("traceback") or "")
    return result


def _result(answer: Answer, what: str) -> dict[str, Any] | None:
    """The result of a task; None while it runs."""
    if answer["status"] == "completed":
        return answer["result"]
    if answer["status"] != "running":
        raise NotDone(f"{what}: the service knows nothing of it any more")
    return None


def _in_background(session: Session, answer: Answer, what: str) -> Reply:
    session.tasks.append(answer["task_uid"])
    return answer_views.started(answer, f"{what} in the background")
