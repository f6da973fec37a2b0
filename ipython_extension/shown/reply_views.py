"""Views of replies that need only the request and the reply."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bluesky_qs.client.identity import shown_user
from ipython_extension.shown.catalogue import CatalogueView
from ipython_extension.shown.display import ReplyView, View
from ipython_extension.shown.dry_run_view import DryRunView
from ipython_extension.shown.readings_view import ReadingsView
from ipython_extension.shown.tables import Row, Table, counted, full_sentence, length_of_time, moment, plural, ranges

Reply = Mapping[str, Any]

#: Number of characters that identify a uid. `task_result` and commands for items accept this many.
SHORT = 8
#: Event keys that have their own columns or do not matter to users.
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
    "re_abort": "The plan is being aborted.",
    "re_halt": "The plan is being halted, without cleanup.",
    "manager_stop": "The service is stopping.",
    "permissions_reload": "The permissions have been reloaded.",
    "unlock": "Unlocked.",
}


class Printed(ReplyView):
    """A reply shown as text with its own line breaks."""

    def text(self, width: int) -> str:  # noqa: ARG002 - the terminal wraps the lines
        return self.sentence


class Tabled(ReplyView):
    """A reply shown as a sentence with a table below it."""

    def __init__(self, reply: Reply, sentence: str, table: Table) -> None:
        super().__init__(reply, sentence)
        self.table = table

    def text(self, width: int) -> str:
        return f"{super().text(width)}\n{self.table.text(width)}" if self.table.rows else super().text(width)

    def html(self) -> str:
        return super().html() + self.table.html() if self.table.rows else super().html()


def view(method: str, params: Mapping[str, Any], reply: Reply) -> View:
    """The reply to a method, as an object that displays itself."""
    if show := _OF_REPLIES.get(method):
        return show(reply)
    if method in _OF_REQUESTS:
        return _OF_REQUESTS[method](params, reply)
    return ReplyView(reply, _SENTENCES.get(method, ""))


def console(reply: Reply) -> Printed:
    """Show console output."""
    text = "".join(message["msg"] for message in reply["messages"]).rstrip()
    return Printed(reply, text or "Nothing has been printed.")


def events(reply: Reply, rows: int) -> Tabled:
    """Show events, the newest at the bottom."""
    shown = reply["events"][-rows:]
    table = Table(
        (">#", "time", "event", "details"),
        [Row((str(e["seq"]), moment(e["time"]), _spaced(e["type"]), _details(e))) for e in shown],
        flexible=3,
        wrap=True,
    )
    hidden = len(reply["events"]) - len(shown)
    more = f", showing the last {counted(rows)}" if hidden else ""
    return Tabled(reply, f"{plural(len(reply['events']), 'event')}{more}", table)


def documents(reply: Reply) -> ReplyView:
    """Count the documents of each kind. The reply contains the documents."""
    messages = reply["documents"]
    if not messages:
        return ReplyView(reply, "No documents.")
    kinds = Counter(str(message["name"]) for message in messages)
    scans = ranges(message["doc"].get("scan_id") for message in messages if message["name"] == "start")
    of = f" of scan {scans}" if scans else ""
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    older = " There are older ones." if reply.get("before") else ""
    return ReplyView(reply, f"{plural(len(messages), 'document')}{of}: {listed}.{older}")


def runs(reply: Reply) -> Tabled:
    """Show the runs of the running plan."""
    rows = [
        Row(
            (
                str(run.get("scan_id") or ""),
                "open" if run["is_open"] else str(run.get("exit_status")),
                _short(run["uid"]),
            )
        )
        for run in reply["run_list"]
    ]
    return Tabled(
        reply, plural(len(rows), "run") if rows else "No runs.", Table((">scan", "status", "uid"), rows, flexible=2)
    )


def metadata(reply: Reply) -> Tabled:
    """Show the metadata of every run."""
    values = reply["re_metadata"] or {}
    rows = [Row((name, str(value))) for name, value in values.items()]
    title = "Added to every run:" if rows else _no_metadata(reply.get("permitted_keys", ["/"]))
    return Tabled(reply, title, Table(("name", "value"), rows, flexible=1))


def _no_metadata(permitted: Sequence[str]) -> str:
    if "/" in permitted:
        return "No metadata."
    if not permitted:
        return "The service does not let you see metadata (setting permitted_re_metadata_keys)."
    return (
        f"No metadata in {', '.join(permitted)}. The service does not let you see other keys (setting "
        "permitted_re_metadata_keys)."
    )


def permissions(reply: Reply) -> Printed:
    """Show the permissions in the format of the permissions file."""
    import yaml  # noqa: PLC0415 - only this view needs it

    return Printed(reply, yaml.safe_dump(reply["user_group_permissions"], sort_keys=False).rstrip())


def report(reply: Reply) -> ReplyView:
    """Show how the environment was opened."""
    opening = reply["report"]
    if not opening:
        return ReplyView(reply, "The environment has not been opened since the service started.")
    rows = [Row((str(run["file"]), length_of_time(run["seconds"]))) for run in opening.get("files") or ()]
    lines = [
        f"Opened {moment(opening['time'])}: {plural(opening.get('plans') or 0, 'plan')} and "
        f"{plural(opening.get('devices') or 0, 'device')}; the startup code took {length_of_time(opening['seconds'])}."
        if opening.get("success")
        else full_sentence(f"The environment could not be opened: {opening.get('message') or 'no reason given'}"),
        *(
            f"  Redefined: {each['name']} from {each['file']}, in {each['by']}"
            for each in opening.get("overwritten") or ()
        ),
        *(f"  Left out: {each['name']}: {each['reason']}" for each in opening.get("left_out") or ()),
        *(f"  Note: {each['message']}" for each in opening.get("problems") or ()),
        *([str(opening["traceback"]).rstrip()] if opening.get("traceback") else []),
    ]
    return Tabled(reply, "\n".join(lines), Table(("startup file", ">took"), rows, flexible=0))


def task_status(reply: Reply) -> ReplyView:
    """Show the states of tasks."""
    status = reply["status"]
    if isinstance(status, str):
        return ReplyView(reply, f"The task is {_found(status)}.")
    return ReplyView(reply, "\n".join(f"{_short(uid)}  {_found(each)}" for uid, each in status.items()))


def item_status(reply: Reply) -> ReplyView:
    """Show the states of items."""
    status = reply["status"]
    if "state" in status:
        return ReplyView(reply, f"The item is {_place(status)}.")
    return ReplyView(reply, "\n".join(f"{_short(uid)}  {_place(each)}" for uid, each in status.items()))


def item_check(reply: Reply) -> ReplyView:
    """Show whether plans can be queued."""
    results = reply["results"]
    lines = [str(each["msg"]) for each in results if not each["success"]]
    if not lines:
        lines.append("The plan can be queued." if len(results) == 1 else "The plans can be queued.")
    warnings = [warning for each in results for warning in each.get("warnings", ())]
    lines += [full_sentence(f"It may fail: {_warning_text(warning)}") for warning in warnings]
    return ReplyView(reply, "\n".join(lines))


def _warning_text(warning: Mapping[str, Any]) -> str:
    """The text of a warning about a parameter or about the whole plan."""
    name, reason = warning.get("parameter"), str(warning["reason"])
    return f"parameter {name!r}: {reason}" if name else f"{reason[:1].lower()}{reason[1:]}"


def kernel(reply: Reply) -> ReplyView:
    """Show how to connect to the worker's kernel."""
    if not reply["config"].get("ip_connect_info"):
        return ReplyView(reply, "The environment has no IPython kernel (start-re-manager --use-ipython-kernel=ON).")
    return ReplyView(reply)


def plans(reply: Reply) -> CatalogueView:
    """List plans."""
    return CatalogueView.of_plans(reply.get("plans_allowed") or reply.get("plans_existing") or {})


def dry_run(reply: Reply) -> DryRunView:
    """Show what a plan would do."""
    return DryRunView(reply["report"])


def readings(reply: Reply) -> ReadingsView:
    """Show readings of devices."""
    return ReadingsView(reply["devices"])


def functions(reply: Reply) -> CatalogueView:
    """List functions."""
    return CatalogueView.of_functions(reply["functions_allowed"])


def devices(reply: Reply) -> CatalogueView:
    """List devices."""
    return CatalogueView.of_devices(reply.get("devices_allowed") or reply.get("devices_existing") or {})


def lock_sentence(info: Mapping[str, Any], me: str) -> str:
    """Describe the locks, with user, time and note; empty if nothing is locked. ``me`` is the user's name."""
    names = [name for name in ("environment", "queue") if info.get(name)]
    if not names:
        return ""
    note = f": {info['note']}" if info.get("note") else ""
    since = moment(info["time"]) if info.get("time") else info.get("time_str")
    user = str(info.get("user"))
    who = "you" if user == me else shown_user(user)
    return full_sentence(f"Locked ({' and '.join(names)}) by {who} since {since}{note}")


def task_result(reply: Reply) -> ReplyView:
    """Show the result of a task."""
    result = reply.get("result") or {}
    match reply["status"]:
        case "running":
            return ReplyView(reply, f"The task has been running since {moment(result['time_start'])}.")
        case "completed" if result["success"]:
            took = length_of_time(result["time_stop"] - result["time_start"])
            return ReplyView(reply, f"The task is done ({took}). It returned {result['return_value']!r}.")
        case "completed":
            return ReplyView(reply, f"{result['traceback'].rstrip()}\nThe task failed: {result['msg']}")
        case _:
            return ReplyView(reply, "There is no such task, or its result has expired.")


def mode(reply: Reply, modes: Mapping[str, bool]) -> ReplyView:
    """Show the queue modes."""
    listed = ", ".join(f"{name} {'on' if on else 'off'}" for name, on in modes.items())
    return ReplyView(reply, f"Mode: {listed}.")


def pausing(params: Mapping[str, Any], reply: Reply) -> ReplyView:
    """Show when the plan will pause."""
    now = params.get("option") == "immediate"
    return ReplyView(reply, "The plan is pausing." if now else "The plan will pause at its next checkpoint.")


def autostart(params: Mapping[str, Any], reply: Reply) -> ReplyView:
    """Show whether autostart is on."""
    return ReplyView(reply, f"Autostart is {'on' if params['enable'] else 'off'}.")


def permissions_set(reply: Reply) -> ReplyView:
    """Report that the permissions have been replaced, with warnings about entries that may be mistakes."""
    return ReplyView(reply, " ".join(["The permissions have been replaced.", *reply.get("warnings", ())]))


def started(reply: Reply, task: str) -> ReplyView:
    """Show a task that has been started."""
    return ReplyView(reply, f"Started {task}. Get its result with %qs task result {_short(reply['task_uid'])}")


def cleared(params: Mapping[str, Any], reply: Reply) -> ReplyView:
    """Report what was removed from the history."""
    size = params.get("size")
    if params.get("item_uid"):
        return ReplyView(reply, "Removed that item and all older ones from the history.")
    return ReplyView(
        reply,
        f"Kept the newest {plural(size, 'item')} in the history." if size and size > 0 else "Cleared the history.",
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


_OF_REPLIES: dict[str, Callable[[Reply], View]] = {
    "plans_allowed": plans,
    "plans_existing": plans,
    "devices_allowed": devices,
    "devices_existing": devices,
    "functions_allowed": functions,
    "device_read": readings,
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
    "item_dry_run": dry_run,
    "config_get": kernel,
}
_OF_REQUESTS: dict[str, Callable[[Mapping[str, Any], Reply], View]] = {
    "re_pause": pausing,
    "queue_autostart": autostart,
    "history_clear": cleared,
}
