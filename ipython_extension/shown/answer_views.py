"""In words: answers that are neither queue nor history, plans nor devices."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ipython_extension.shown.display import Reply
from ipython_extension.shown.tables import Row, Table, length_of_time, moment, plural, ranges

Answer = Mapping[str, Any]

#: Characters of a uid that tell it from others; as many as `task_result` and the words for items take.
SHORT = 8
#: What of an event stands in columns of its own, or means nothing to a reader.
_ASIDE = ("seq", "time", "type", "requeued_as")


class Printed(Reply):
    """An answer that is a text with lines of its own."""

    def text(self, width: int) -> str:  # noqa: ARG002 - a terminal wraps lines as it likes
        return self.sentence


class Tabled(Reply):
    """An answer with rows below its sentence."""

    def __init__(self, answer: Answer, sentence: str, table: Table) -> None:
        super().__init__(answer, sentence)
        self.table = table

    def text(self, width: int) -> str:
        return f"{super().text(width)}\n{self.table.text(width)}" if self.table.rows else super().text(width)

    def html(self) -> str:
        return super().html() + self.table.html() if self.table.rows else super().html()


def console(answer: Answer) -> Printed:
    """What was printed."""
    text = "".join(message["msg"] for message in answer["messages"]).rstrip()
    return Printed(answer, text or "Nothing has been printed.")


def events(answer: Answer, rows: int) -> Tabled:
    """What has changed, the newest at the bottom."""
    shown = answer["events"][-rows:]
    table = Table(
        (">#", "time", "event", "what"),
        [Row((str(e["seq"]), moment(e["time"]), _spaced(e["type"]), _details(e))) for e in shown],
        flexible=3,
        wrap=True,
    )
    hidden = len(answer["events"]) - len(shown)
    more = f", these are the last {rows}" if hidden else ""
    return Tabled(answer, f"{plural(len(answer['events']), 'event')}{more}", table)


def documents(answer: Answer) -> Reply:
    """How many documents of which kind; they are in the answer."""
    messages = answer["documents"]
    if not messages:
        return Reply(answer, "No documents: nothing has run since the service was started.")
    kinds = Counter(str(message["name"]) for message in messages)
    scans = ranges(message["doc"].get("scan_id") for message in messages if message["name"] == "start")
    of = f" of scan {scans}" if scans else ""
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return Reply(answer, f"{plural(len(messages), 'document')}{of}: {listed}.")


def runs(answer: Answer) -> Tabled:
    """The runs of the plan that is running."""
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
        answer, plural(len(rows), "run") if rows else "No runs.", Table((">scan id", "is", "uid"), rows, flexible=2)
    )


def metadata(answer: Answer) -> Tabled:
    """What goes into every run."""
    told = answer["re_metadata"] or {}
    rows = [Row((name, str(value))) for name, value in told.items()]
    return Tabled(answer, "In every run:" if rows else "No metadata.", Table(("name", "value"), rows, flexible=1))


def permissions(answer: Answer) -> Printed:
    """Permissions as they stand in their file."""
    import yaml  # noqa: PLC0415 - only this line pays for it

    return Printed(answer, yaml.safe_dump(answer["user_group_permissions"], sort_keys=False).rstrip())


def report(answer: Answer) -> Reply:
    """How the environment was opened."""
    told = answer["report"]
    if not told:
        return Reply(answer, "The environment has not been opened since the service was started.")
    rows = [Row((str(run["file"]), length_of_time(run["seconds"]))) for run in told.get("files") or ()]
    lines = [
        f"Opened {moment(told['time'])}: {plural(told.get('plans') or 0, 'plan')} and "
        f"{plural(told.get('devices') or 0, 'device')}; the startup code took {length_of_time(told['seconds'])}."
        if told.get("success")
        else f"It could not be opened: {told.get('message') or 'no reason was given'}",
        *(f"  Replaced: {each['name']} of {each['file']} by {each['by']}" for each in told.get("overwritten") or ()),
        *(f"  Left out: {each['name']}: {each['reason']}" for each in told.get("left_out") or ()),
        *(f"  Note: {each['message']}" for each in told.get("problems") or ()),
        *([str(told["traceback"]).rstrip()] if told.get("traceback") else []),
    ]
    return Tabled(answer, "\n".join(lines), Table(("startup file", ">took"), rows, flexible=0))


def task_status(answer: Answer) -> Reply:
    """Whether tasks are done."""
    status = answer["status"]
    if isinstance(status, str):
        return Reply(answer, f"The task is {_found(status)}.")
    return Reply(answer, "\n".join(f"{_short(uid)}  {_found(each)}" for uid, each in status.items()))


def item_status(answer: Answer) -> Reply:
    """Where items are."""
    status = answer["status"]
    if "state" in status:
        return Reply(answer, f"The item is {_place(status)}.")
    return Reply(answer, "\n".join(f"{_short(uid)}  {_place(each)}" for uid, each in status.items()))


def item_check(answer: Answer) -> Reply:
    """Whether plans can be queued."""
    results = answer["results"]
    told = [str(each["msg"]) for each in results if not each["success"]]
    if not told:
        told.append("The plan can be queued." if len(results) == 1 else "The plans can be queued.")
    doubts = [doubt for each in results for doubt in each.get("warnings", ())]
    told += [f"It may fail: parameter {doubt['parameter']!r}: {doubt['reason']}" for doubt in doubts]
    return Reply(answer, "\n".join(told))


def kernel(answer: Answer) -> Reply:
    """How to connect to the worker's kernel."""
    if not answer["config"].get("ip_connect_info"):
        return Reply(answer, "No IPython kernel runs in the environment (start-re-manager --use-ipython-kernel=ON).")
    return Reply(answer)


def started(answer: Answer, what: str) -> Reply:
    """A task that has been started."""
    return Reply(answer, f"Running {what}; its result: %qs task result {_short(answer['task_uid'])}")


def cleared(params: Mapping[str, Any], answer: Answer) -> Reply:
    """How much of the history is left."""
    size = params.get("size")
    if params.get("item_uid"):
        return Reply(answer, "That item and all older ones are out of the history.")
    return Reply(
        answer,
        f"The newest {plural(size, 'item')} of the history stay." if size and size > 0 else "The history is cleared.",
    )


def _spaced(name: object) -> str:
    return str(name).replace("_", " ")


def _details(event: Mapping[str, Any]) -> str:
    told = {key: value for key, value in event.items() if key not in _ASIDE and not key.endswith("_uid")}
    return ", ".join(
        f"{_spaced(key)} {plural(len(value), 'item') if isinstance(value, list) else value}"
        for key, value in told.items()
    )


def _short(uid: object) -> str:
    return str(uid)[:SHORT]


def _found(status: str) -> str:
    return "not known, or its result has expired" if status == "not_found" else status


def _place(status: Mapping[str, Any]) -> str:
    position = status.get("position")
    return f"{_spaced(status['state'])}{'' if position is None else f' at position {position}'}"
