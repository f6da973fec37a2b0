"""Methods on the RunEngine: pause, resume and end the running plan; look at its runs and metadata."""

from typing import Annotated, Unpack

from bluesky_qs.api.method import Lock, Messages, method
from bluesky_qs.api.types import Documents, Keyed, Metadata, PauseOption, Reply, RunOption, Runs

_PauseOption = Annotated[
    PauseOption,
    Messages(wrong="Option {value!r} is not supported. Supported options: 'deferred', 'immediate'"),
]
_RunOption = Annotated[
    RunOption,
    Messages(wrong="Option {value!r} is not supported. Supported options: 'active', 'open', 'closed'"),
]


@method(scope="write:plan:control", lock=Lock.ENVIRONMENT)
def re_pause(option: _PauseOption = "deferred", **key: Unpack[Keyed]) -> Reply:
    """Pause the running plan: at the next checkpoint (``deferred``), or now (``immediate``).

    The reply comes immediately; ``waiting_for`` in the status shows when the plan is paused, and which ``user`` paused
    it. A plan with no checkpoint left runs to its end. Then the queue stops, and autostart is switched off.
    """
    raise NotImplementedError


@method(scope="write:plan:control", lock=Lock.ENVIRONMENT)
def re_resume(**key: Unpack[Keyed]) -> Reply:
    """Resume the paused plan."""
    raise NotImplementedError


@method(scope="write:plan:control", lock=Lock.ENVIRONMENT)
def re_stop(**key: Unpack[Keyed]) -> Reply:
    """Finish the paused plan in an orderly way. Its exit status is ``stopped``, and the queue stops."""
    raise NotImplementedError


@method(scope="write:plan:control", lock=Lock.ENVIRONMENT)
def re_abort(**key: Unpack[Keyed]) -> Reply:
    """Abort the paused plan, with its cleanup. The queue stops.

    The exit status is ``aborted``, and the plan goes back to the front of the queue.
    """
    raise NotImplementedError


@method(scope="write:plan:control", lock=Lock.ENVIRONMENT)
def re_halt(**key: Unpack[Keyed]) -> Reply:
    """Halt the paused plan immediately, without its cleanup. The queue stops.

    The exit status is ``halted``, and the plan goes back to the front of the queue.
    """
    raise NotImplementedError


@method(scope="read:monitor", on_failure={"run_list": [], "run_list_uid": ""})
def re_runs(option: _RunOption = "active") -> Runs:
    """Runs of the current plan: all of them (``active``), or only the ``open`` or the ``closed`` ones."""
    raise NotImplementedError


@method(
    scope="read:monitor",
    extensions=("item_uid", "before"),
    on_failure={"documents": [], "item_uid": "", "before": None, "missing": 0},
)
def documents_get(*, limit: int = 1000, item_uid: str | None = None, before: int | None = None) -> Documents:
    """Documents of an item, oldest first, with at most the latest ``limit`` events.

    Without ``item_uid``, the documents are those of the running plan, or of the last plan that ran. They are the
    documents published as ``QS_Document``. Images and arrays of more than 200 elements are null, and the event names
    them in ``omitted``. The service keeps the documents of the last 200 items, at most 256 MB, even across restarts
    (``--documents-limit``, ``--documents-size``); a request for an older item is refused.

    To get the next older page, send ``before`` from the reply; it is null on the oldest page. Each page has the start
    and descriptor documents that belong to its events. A page has fewer events than ``limit`` if it would be very
    large. ``missing`` is the number of the item's events that were not kept.
    """
    raise NotImplementedError


@method(scope="read:monitor", on_failure={"re_metadata": {}, "permitted_keys": []})
def re_metadata() -> Metadata:
    """The RunEngine's persistent metadata (``RE.md``), limited to the keys that may be shown.

    ``permitted_keys`` lists the paths of these keys. ``/`` means all keys; the list is empty if no metadata may be
    shown.
    """
    raise NotImplementedError
