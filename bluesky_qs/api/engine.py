"""Methods on the RunEngine: pause and end the running plan, look at its runs and metadata."""

from typing import Annotated, Unpack

from bluesky_qs.api.method import Lock, Says, method
from bluesky_qs.api.types import Documents, Keyed, Metadata, PauseOption, Reply, RunOption, Runs

_PauseOption = Annotated[
    PauseOption,
    Says(wrong="Option {value!r} is not supported. Supported options: 'deferred', 'immediate'"),
]
_RunOption = Annotated[
    RunOption,
    Says(wrong="Option {value!r} is not supported. Supported options: 'active', 'open', 'closed'"),
]


@method(lock=Lock.ENVIRONMENT)
def re_pause(option: _PauseOption = "deferred", **key: Unpack[Keyed]) -> Reply:
    """Ask the RunEngine to pause: at the next checkpoint (``deferred``) or at once (``immediate``). Only initiates.

    A plan that has no checkpoint left completes; the queue stops then, and autostart is switched off.
    """
    raise NotImplementedError


@method(lock=Lock.ENVIRONMENT)
def re_resume(**key: Unpack[Keyed]) -> Reply:
    """Resume the paused plan."""
    raise NotImplementedError


@method(lock=Lock.ENVIRONMENT)
def re_stop(**key: Unpack[Keyed]) -> Reply:
    """End the paused plan, orderly; it counts as done (``stopped``) and the queue stops."""
    raise NotImplementedError


@method(lock=Lock.ENVIRONMENT)
def re_abort(**key: Unpack[Keyed]) -> Reply:
    """End the paused plan with clean-up; it counts as failed (``aborted``) and goes back to the front of the queue."""
    raise NotImplementedError


@method(lock=Lock.ENVIRONMENT)
def re_halt(**key: Unpack[Keyed]) -> Reply:
    """End the paused plan without clean-up (``halted``); it goes back to the front of the queue."""
    raise NotImplementedError


@method(on_failure={"run_list": [], "run_list_uid": ""})
def re_runs(option: _RunOption = "active") -> Runs:
    """Runs of the current plan: all (``active``), only the ``open`` ones or only the ``closed`` ones."""
    raise NotImplementedError


@method(on_failure={"documents": []})
def documents_get(*, limit: int = 1000) -> Documents:
    """Documents of the plan that runs, or ran last, oldest first, with at most ``limit`` events, the latest.

    As published under ``QS_Document``; for a client that begins to listen when a plan is under way.
    """
    raise NotImplementedError


@method(on_failure={"re_metadata": {}})
def re_metadata() -> Metadata:
    """The RunEngine's persistent metadata (``RE.md``), as far as its keys are permitted to be shown."""
    raise NotImplementedError
