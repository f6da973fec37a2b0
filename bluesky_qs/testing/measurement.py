"""The runs of a scripted plan and their documents."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol
from uuid import uuid4

import msgspec

from bluesky_qs.api.values import ExitStatus
from bluesky_qs.foresight.report import Findings
from bluesky_qs.foresight.runs import Runs
from bluesky_qs.ipc.commands import DryRun, ReadDevices
from bluesky_qs.ipc.reports import DevicesRead, DocumentReport, DryRunEnded, PlanTimes, ProgressReport
from bluesky_qs.ipc.states import RunState
from bluesky_qs.testing import steps
from bluesky_qs.wire.codec import json_text
from bluesky_qs.worker.kept_documents import KeptDocuments

_EXIT_STATUS = {"completed": "success", "stopped": "success", "aborted": "abort", "halted": "abort"}
_KINDS: dict[type, str] = {int: "integer", float: "number", bool: "boolean", str: "string", list: "array"}


#: The report of a dry run, for all items or by item.
DryRunScript = dict[str, Any] | Callable[[dict[str, Any]], dict[str, Any]]


def read(command: ReadDevices, readings: dict[str, dict[str, Any]], now: float) -> DevicesRead:
    """The worker's reply to a request for readings. Devices that are not in ``readings`` are at 0.0."""
    unset = {"value": 0.0, "units": None, "timestamp": now, "limits": None, "moving": None}
    names = (*command.names, *command.unlisted)
    return DevicesRead(command.uid, json_text({name: unset | readings.get(name, {}) for name in names}))


def dry_run(command: DryRun, script: "Foresees") -> DryRunEnded:
    """The worker's dry-run reports: the reports for plans without messages, with the test's changes."""
    nothing = {**Findings(Runs()).report(slept=0.0), "output": "", "as_of": script.now()}
    found = script.dry_run
    items = json.loads(command.items)
    reports = [json_text(nothing | (found if isinstance(found, dict) else found(item))) for item in items]
    carried = json_text(script.dry_run_carried(items[-1])) if items and script.dry_run_carried else command.carried
    return DryRunEnded(command.uid, reports, carried, script.dry_run_refusal, len(reports))


def dry_run_tasks(given: Sequence[Any], now: float) -> dict[str, float]:
    """The dry runs among these commands that run as tasks, in the form of the worker's snapshot."""
    return {command.uid: now for command in given if isinstance(command, DryRun) and command.is_task}


class Foresees(Protocol):
    """The settings of a test for dry runs."""

    dry_run: DryRunScript
    dry_run_refusal: str
    dry_run_carried: Callable[[dict[str, Any]], dict[str, Any]] | None

    def now(self) -> float:
        """Epoch seconds."""
        ...


class Counter(Protocol):
    """Counts the scans, has a clock, and knows the measured times."""

    scan_id: int
    times: dict[str, Any] | None

    def now(self) -> float: ...


class Measurement:
    """The runs of one plan.

    Parameters
    ----------
    item
        The plan's item.
    push
        Sends a report that needs no acknowledgement.
    kept
        Receives the documents that were sent.
    runs_changed
        Called with all runs of the plan when one has been opened or closed.
    """

    def __init__(
        self,
        item: dict[str, Any],
        push: Callable[..., None],
        kept: KeptDocuments,
        counter: Counter,
        runs_changed: Callable[[list[RunState]], None],
    ) -> None:
        self._kept = kept
        self._item = item
        self._push = push
        self._counter = counter
        self._runs_changed = runs_changed
        self._runs: dict[str, RunState] = {}
        self._events = self._documents = 0
        self._announced: int | None = None

    @property
    def run_uids(self) -> list[str]:
        """Uids of the runs, in the order in which they were opened."""
        return list(self._runs)

    @property
    def scan_ids(self) -> list[int]:
        """Scan ids of the runs, in the order in which they were opened."""
        return [run.scan_id for run in self._runs.values() if run.scan_id is not None]

    def take(self, step: steps.Measure | steps.Open) -> None:
        """Open a run. For `Measure`, also take the readings and close the run."""
        if isinstance(step, steps.Open):
            self._open(step.start)
            return
        uid = self._open({"num_points": step.num, **step.start})
        self._announced = (self._announced or 0) + step.num
        descriptor = str(uuid4())
        keys = {
            key: {"source": "scripted", "dtype": _KINDS.get(type(value), "number"), "shape": []}
            for key, value in step.data.items()
        }
        hints = {"object_keys": {key: [key] for key in keys}, "hints": {key: {"fields": [key]} for key in keys}}
        self._push_document("descriptor", uid=descriptor, run_start=uid, name="primary", data_keys=keys, **hints)
        for number in range(1, step.num + 1):
            now = self._counter.now()
            stamps = dict.fromkeys(step.data, now)
            self._push_document(
                "event", uid=str(uuid4()), descriptor=descriptor, seq_num=number, data=step.data, timestamps=stamps
            )
            self._events += 1
            self._push(ProgressReport(self._item["item_uid"], self._events, self._announced), keep=False)
        self._close(uid, "success", step.num)

    def close(self, exit_status: str) -> None:
        """Close all open runs, as at the end of a plan."""
        for run in [run for run in self._runs.values() if run.is_open]:
            self._close(run.uid, _EXIT_STATUS.get(exit_status, "fail"), 0)

    def report_times(self) -> None:
        """Report the measured data, after the end of the plan."""
        if (times := self._counter.times) is not None:
            self._push(PlanTimes(self._item["item_uid"], json_text(times)), keep=False)

    def _open(self, start: dict[str, Any]) -> str:
        uid = str(uuid4())
        self._counter.scan_id += 1
        whose = {
            "queue_item_uid": self._item["item_uid"],
            "queue_user": self._item.get("user"),
            "queue_user_group": self._item.get("user_group"),
        }
        named = {"uid": uid, "scan_id": self._counter.scan_id, "plan_name": self._item.get("name")}
        self._runs[uid] = RunState(uid, self._counter.scan_id, is_open=True, exit_status=None)
        self._runs_changed(list(self._runs.values()))
        self._push_document("start", **{**named, **self._item.get("meta", {}), **whose, **start})
        return uid

    def _close(self, uid: str, exit_status: str, events: int) -> None:
        self._push_document(
            "stop",
            uid=str(uuid4()),
            run_start=uid,
            exit_status=exit_status,
            reason="",
            num_events={"primary": events} if events else {},
        )
        self._runs[uid] = msgspec.structs.replace(self._runs[uid], is_open=False, exit_status=exit_status)
        self._runs_changed(list(self._runs.values()))

    def _push_document(self, kind: str, /, **document: Any) -> None:
        text = json_text({"time": self._counter.now(), **document})
        self._documents += 1
        self._push(report := DocumentReport(self._item["item_uid"], kind, text, number=self._documents), keep=False)
        self._kept.add(report)


def exit_status(last: steps.End | steps.Fail | steps.Return) -> ExitStatus:
    """The exit status of a plan whose script ends with this step."""
    match last:
        case steps.End(status):
            return status
        case steps.Fail():
            return "failed"
        case steps.Return():
            return "completed"


def value_of(last: steps.End | steps.Fail | steps.Return) -> bytes:
    """The return value of a plan or task whose script ends with this step (JSON)."""
    return json_text(last.value if isinstance(last, steps.Return) else None)
