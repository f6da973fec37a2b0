"""Views of replies that need only the request and its reply."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ipython_extension.shown.catalogue import CatalogueView
from ipython_extension.shown.display import ReplyView, View
from ipython_extension.shown.tables import Row, Table, counted, length_of_time, moment, plural, ranges

Answer = Mapping[str, Any]

#: Characters of a uid that identify it; `task_result` and commands for items accept as many.
SHORT = 8
#: Keys of an event that have their own columns or mean nothing to a reader.
_ASIDE = ("seq", "time", "type", "requeued_as")
#: Sentences for accepted requests whose replies contain nothing more.
_SENTENCES = {
    "environment_open": "The environment is opening.",
    "environment_close": "The environment is closing.",
    "environment_destroy": "The environment is being destroyed.",
    "environment_update": "The lists of plans and devices are being updated.",
    "queue_stop": "The queue will stop after the running plan.",
    "queue_clear": "The queue is empty.",
    "re_resume": "The plan is resuming.",
    "re_stop": "The plan is finishing; its exit status will be 'stopped'.",
    "re_abort": "The plan is being aborted. If it came from the queue, it goes back to the front.",
    "re_halt": "The plan is being halted, without clean-up. If it came from the queue, it goes back to the front.",
    "manager_stop": "The service is stopping.",
    "permissions_reload": "The permissions have been reloaded.",
    "unlock": "Unlocked.",
}


class Printed(ReplyView):
    """A reply shown as text with its own line breaks."""

    def text(self, width: int) -> str:  # noqa: ARG002 - a terminal wraps lines as it likes
        return self.sentence


class Tabled(ReplyView):
    """A reply shown as a sentence with a table below."""

    def __init__(self, answer: Answer, sentence: str, table: Table) -> None:
        super().__init__(answer, sentence)
        self.table = table

    def text(self, width: int) -> str:
        return f"{super().text(width)}\n{self.table.text(width)}" if self.table.rows else super().text(width)

    def html(self) -> str:
        return super().html() + self.table.html() if self.table.rows else super().html()


def view(method: str, params: Mapping[str, Any], answer: Answer) -> View:
    """The reply to a method as an object that displays itself."""
    if show := _OF_ANSWERS.get(method):
        return show(answer)
    if method in _OF_REQUESTS:
        return _OF_REQUESTS[method](params, answer)
    return ReplyView(answer, _SENTENCES.get(method, ""))


def console(answer: Answer) -> Printed:
    """Show console output."""
    text = "".join(message["msg"] for message in answer["messages"]).rstrip()
    return Printed(answer, text or "Nothing has been printed.")


def events(answer: Answer, rows: int) -> Tabled:
    """Show events, the newest at the bottom."""
    shown = answer["events"][-rows:]
    table = Table(
        (">#", "time", "event", "details"),
        [Row((str(e["seq"]), moment(e["time"]), _spaced(e["type"]), _details(e))) for e in shown],
        flexible=3,
        wrap=True,
    )
    hidden = len(answer["events"]) - len(shown)
    more = f", showing the last {counted(rows)}" if hidden else ""
    return Tabled(answer, f"{plural(len(answer['events']), 'event')}{more}", table)


def documents(answer: Answer) -> ReplyView:
    """Count the documents of each kind. The reply contains the documents."""
    messages = answer["documents"]
    if not messages:
        return ReplyView(answer, "No documents. Nothing has run since the service started.")
    kinds = Counter(str(message["name"]) for message in messages)
    scans = ranges(message["doc"].get("scan_id") for message in messages if message["name"] == "start")
    of = f" of scan {scans}" if scans else ""
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return ReplyView(answer, f"{plural(len(messages), 'document')}{of}: {listed}.")


def runs(answer: Answer) -> Tabled:
    """Show the runs of the running plan."""
    rows = [
        Row(
            (
                str(run.get("scan_id") or ""),
                "open" if run["is_open"] else str(run.get("exit_status")),
                _short(run["uid"]),
            )
        )
        for run in answer["run_list"]
    ]
    return Tabled(
        answer, plural(len(rows), "run") if rows else "No runs.", Table((">scan id", "status", "uid"), rows, flexible=2)
    )


def metadata(answer: Answer) -> Tabled:
    """Show the metadata of every run."""
    values = answer["re_metadata"] or {}
    rows = [Row((name, str(value))) for name, value in values.items()]
    title = "Added to every run:" if rows else _no_metadata(answer.get("permitted_keys", ["/"]))
    return Tabled(answer, title, Table(("name", "value"), rows, flexible=1))


def _no_metadata(permitted: Sequence[str]) -> str:
    if "/" in permitted:
        return "No metadata."
    if not permitted:
        return "The service does not permit showing metadata (its setting permitted_re_metadata_keys)."
    return (
        f"No metadata in {', '.join(permitted)}. The service does not permit showing more (its setting "
        "permitted_re_metadata_keys)."
    )


def permissions(answer: Answer) -> Printed:
    """Show the permissions as in their file."""
    import yaml  # noqa: PLC0415 - only this line pays for it

    return Printed(answer, yaml.safe_dump(answer["user_group_permissions"], sort_keys=False).rstrip())


def report(answer: Answer) -> ReplyView:
    """Show how the environment was opened."""
    opening = answer["report"]
    if not opening:
        return ReplyView(answer, "The environment has not been opened since the service started.")
    rows = [Row((str(run["file"]), length_of_time(run["seconds"]))) for run in opening.get("files") or ()]
    lines = [
        f"Opened {moment(opening['time'])}: {plural(opening.get('plans') or 0, 'plan')} and "
        f"{plural(opening.get('devices') or 0, 'device')}; the startup code took {length_of_time(opening['seconds'])}."
        if opening.get("success")
        else f"The environment could not be opened: {opening.get('message') or 'no reason given'}",
        *(
            f"  Redefined: {each['name']} from {each['file']}, in {each['by']}"
            for each in opening.get("overwritten") or ()
        ),
        *(f"  Left out: {each['name']}: {each['reason']}" for each in opening.get("left_out") or ()),
        *(f"  Note: {each['message']}" for each in opening.get("problems") or ()),
        *([str(opening["traceback"]).rstrip()] if opening.get("traceback") else []),
    ]
    return Tabled(answer, "\n".join(lines), Table(("startup file", ">took"), rows, flexible=0))


def task_status(answer: Answer) -> ReplyView:
    """Show the status of tasks."""
    status = answer["status"]
    if isinstance(status, str):
        return ReplyView(answer, f"The task is {_found(status)}.")
    return ReplyView(answer, "\n".join(f"{_short(uid)}  {_found(each)}" for uid, each in status.items()))


def item_status(answer: Answer) -> ReplyView:
    """Show the states of items."""
    status = answer["status"]
    if "state" in status:
        return ReplyView(answer, f"The item is {_place(status)}.")
    return ReplyView(answer, "\n".join(f"{_short(uid)}  {_place(each)}" for uid, each in status.items()))


def item_check(answer: Answer) -> ReplyView:
    """Show whether plans can be queued."""
    results = answer["results"]
    lines = [str(each["msg"]) for each in results if not each["success"]]
    if not lines:
        lines.append("The plan can be queued." if len(results) == 1 else "The plans can be queued.")
    warnings = [warning for each in results for warning in each.get("warnings", ())]
    lines += [f"It may fail: parameter {warning['parameter']!r}: {warning['reason']}" for warning in warnings]
    return ReplyView(answer, "\n".join(lines))


def kernel(answer: Answer) -> ReplyView:
    """Show how to connect to the worker's kernel."""
    if not answer["config"].get("ip_connect_info"):
        return ReplyView(answer, "The environment has no IPython kernel (start-re-manager --use-ipython-kernel=ON).")
    return ReplyView(answer)


def plans(answer: Answer) -> CatalogueView:
    """List plans."""
    return CatalogueView.of_plans(answer.get("plans_allowed") or answer.get("plans_existing") or {})


def devices(answer: Answer) -> CatalogueView:
    """List devices."""
    return CatalogueView.of_devices(answer.get("devices_allowed") or answer.get("devices_existing") or {})


def lock(answer: Answer) -> ReplyView:
    """Show who locked the service, and why."""
    info = answer["lock_info"]
    return ReplyView(answer, lock_sentence(info) or "Nothing is locked.")


def lock_sentence(info: Mapping[str, Any]) -> str:
    """Report who locked what, since when, and why; empty if nothing is locked."""
    names = [name for name in ("environment", "queue") if info.get(name)]
    if not names:
        return ""
    note = f": {info['note']}" if info.get("note") else ""
    since = moment(info["time"]) if info.get("time") else info.get("time_str")
    return f"Locked ({' and '.join(names)}) by {info.get('user')} since {since}{note}"


def task_result(answer: Answer) -> ReplyView:
    """Show the result of a task."""
    result = answer.get("result") or {}
    match answer["status"]:
        case "running":
            return ReplyView(answer, f"The task has been running since {moment(result['time_start'])}.")
        case "completed" if result["success"]:
            took = length_of_time(result["time_stop"] - result["time_start"])
            return ReplyView(answer, f"The task is done ({took}). It returned {result['return_value']!r}")
        case "completed":
            return ReplyView(answer, f"{result['traceback'].rstrip()}\nThe task failed: {result['msg']}")
        case _:
            return ReplyView(answer, "There is no such task, or its result has expired.")


def mode(answer: Answer, modes: Mapping[str, bool]) -> ReplyView:
    """Show the queue modes."""
    listed = ", ".join(f"{name} {'on' if on else 'off'}" for name, on in modes.items())
    return ReplyView(answer, f"Mode: {listed}.")


def pausing(params: Mapping[str, Any], answer: Answer) -> ReplyView:
    """Show when the plan will pause."""
    now = params.get("option") == "immediate"
    return ReplyView(answer, "The plan is pausing." if now else "The plan will pause at its next checkpoint.")


def autostart(params: Mapping[str, Any], answer: Answer) -> ReplyView:
    """Show whether autostart is on."""
    return ReplyView(answer, f"Autostart is {'on' if params['enable'] else 'off'}.")


def permissions_set(answer: Answer) -> ReplyView:
    """Show that the permissions have been replaced, and what may not mean what its author thinks."""
    return ReplyView(answer, " ".join(["The permissions have been replaced.", *answer.get("warnings", ())]))


def started(answer: Answer, task: str) -> ReplyView:
    """Show a task that has been started."""
    return ReplyView(answer, f"Started {task}. Get its result with %qs task result {_short(answer['task_uid'])}")


def cleared(params: Mapping[str, Any], answer: Answer) -> ReplyView:
    """Show how much of the history is left."""
    size = params.get("size")
    if params.get("item_uid"):
        return ReplyView(answer, "Removed that item and all older ones from the history.")
    return ReplyView(
        answer,
        f"Kept the newest {plural(size, 'item')} of the history." if size and size > 0 else "The history is cleared.",
    )


def _spaced(name: object) -> str:
    return str(name).replace("_", " ")


def _details(event: Mapping[str, Any]) -> str:
    details = {key: value for key, value in event.items() if key not in _ASIDE and not key.endswith("_uid")}
    return ", ".join(
        f"{_spaced(key)} {plural(len(value), 'item') if isinstance(value, list) else value}"
        for key, value in details.items()
    )


def _short(uid: object) -> str:
    return str(uid)[:SHORT]


def _found(status: str) -> str:
    return "unknown, or its result has expired" if status == "not_found" else status


def _place(status: Mapping[str, Any]) -> str:
    position = status.get("position")
    return f"{_spaced(status['state'])}{'' if position is None else f' at position {position}'}"


_OF_ANSWERS: dict[str, Callable[[Answer], View]] = {
    "plans_allowed": plans,
    "plans_existing": plans,
    "devices_allowed": devices,
    "devices_existing": devices,
    "lock": lock,
    "lock_info": lock,
    "task_result": task_result,
    "console_get": console,
    "documents_get": documents,
    "environment_report": report,
    "permissions_get": permissions,
    "permissions_set": permissions_set,
    "re_runs": runs,
    "re_metadata": metadata,
    "task_status": task_status,
    "item_status": item_status,
    "item_check": item_check,
    "config_get": kernel,
}
_OF_REQUESTS: dict[str, Callable[[Mapping[str, Any], Answer], View]] = {
    "re_pause": pausing,
    "queue_autostart": autostart,
    "history_clear": cleared,
}
