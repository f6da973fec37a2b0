"""Reports from the worker to the manager.

Values that come from users or user code are sent as JSON text (``bytes``), because MessagePack has no integers beyond
64 bits.
"""

import msgspec

from bluesky_qs.api.values import ExitStatus
from bluesky_qs.ipc.states import EncodedLists, RunState, WorkerState


class EnvironmentOpened(msgspec.Struct, frozen=True, tag=True):
    """The startup code has run; it took ``seconds``. ``report`` (JSON) lists its files and problems.

    ``connection`` is as in `WorkerSnapshot`.
    """

    lists: EncodedLists
    state: WorkerState
    seconds: float
    report: bytes = b"{}"
    connection: bytes = b"{}"


class EnvironmentFailed(msgspec.Struct, frozen=True, tag=True):
    """The startup code failed; the worker ends by itself after this report.

    ``report`` (JSON) also has the file and the line.
    """

    message: str
    traceback: str
    report: bytes = b"{}"


class StateChanged(msgspec.Struct, frozen=True, tag=True):
    """The complete state of the worker."""

    state: WorkerState


class PlanEnded(msgspec.Struct, frozen=True, tag=True):
    """A plan ended, with any exit status.

    Attributes
    ----------
    run_uids, scan_ids
        Runs that the plan opened, in order.
    time_start, time_stop
        Epoch seconds.
    message, traceback
        Empty unless the plan failed.
    state
        The worker's state after the plan ended.
    pause_missed
        A pause was requested, but the plan ended first.
    return_value, return_value_is_text
        The return value of the plan as JSON text; the text of the value if JSON does not support it. ``null`` unless
        the plan completed.
    resumed_by_hand
        Somebody at a console, or code in the environment, resumed the plan after a pause.
    time_paused, time_suspended
        Seconds that the plan was paused, and seconds that suspenders held it.
    """

    item_uid: str
    exit_status: ExitStatus
    run_uids: list[str]
    scan_ids: list[int]
    time_start: float
    time_stop: float
    message: str
    traceback: str
    state: WorkerState
    pause_missed: bool = False
    return_value: bytes = b"null"
    return_value_is_text: bool = False
    resumed_by_hand: bool = False
    time_paused: float = 0.0
    time_suspended: float = 0.0


class PlanTimes(msgspec.Struct, frozen=True, tag=True):
    """The work of a plan that has ended, and the times of its actions (JSON). Not acknowledged."""

    item_uid: str
    times: bytes


class RunsChanged(msgspec.Struct, frozen=True, tag=True):
    """The runs of the current plan have changed: all runs that it has opened so far."""

    runs: list[RunState]


class ListsReport(msgspec.Struct, frozen=True, tag=True):
    """Plans or devices of the namespace changed."""

    lists: EncodedLists


class TaskEnded(msgspec.Struct, frozen=True, tag=True):
    """A task ended. ``return_value`` is JSON text; the times are epoch seconds."""

    task_uid: str
    success: bool
    message: str
    traceback: str
    return_value: bytes
    time_start: float
    time_stop: float
    state: WorkerState


class ProgressReport(msgspec.Struct, frozen=True, tag=True):
    """Progress of the running plan: the number of events so far, and the announced number, if any. Not acknowledged."""

    item_uid: str
    events: int
    num_points: int | None


class DocumentReport(msgspec.Struct, frozen=True, tag=True):
    """A document of the running plan (JSON). It is kept until `commands.ForgetDocuments`.

    Values of an event that JSON does not support are null; ``not_finite`` has their texts (``nan``, ``inf``, ``-inf``)
    by field. ``omitted`` names the fields of an event whose values were too large; these are null, too. ``number`` is
    its place among the documents of the plan, from 1; 0 if unknown. If a number is missing, an event was not sent.
    """

    item_uid: str
    name: str
    document: bytes
    not_finite: dict[str, str] = {}
    omitted: list[str] = []
    number: int = 0


class DevicesRead(msgspec.Struct, frozen=True, tag=True):
    """The reply to the `ReadDevices` with this uid: results by device name, as a JSON object. Not acknowledged."""

    uid: str
    devices: bytes


class DryRunEnded(msgspec.Struct, frozen=True, tag=True):
    """The reply to the `DryRun` with this uid. Not acknowledged.

    Attributes
    ----------
    reports
        One report (JSON) for each item.
    carried
        Device positions after the last plan, as in `DryRun`.
    refusal
        Why there are no reports; empty if there are.
    reached
        Number of items that were walked as far as their own limits allow. The time limit was reached before the others.
    """

    uid: str
    reports: list[bytes]
    carried: bytes
    refusal: str
    reached: int


class Pulse(msgspec.Struct, frozen=True, tag=True):
    """Shows that the worker's threads are running. It is sent several times a second while a plan runs. Not
    acknowledged.

    ``devices`` (JSON) lists the devices for which the plan waits, with positions, fractions and times.
    """

    item_uid: str
    devices: bytes = b"[]"


class InfoReport(msgspec.Struct, frozen=True, tag=True):
    """Messages (JSON objects) for the topic ``QS_Info``, in the form of ``bluesky-queueserver``. Not acknowledged."""

    messages: list[bytes]


WorkerReport = (
    EnvironmentOpened
    | EnvironmentFailed
    | StateChanged
    | PlanEnded
    | PlanTimes
    | RunsChanged
    | ListsReport
    | TaskEnded
    | ProgressReport
    | DocumentReport
    | DevicesRead
    | DryRunEnded
    | Pulse
    | InfoReport
)
