"""Methods that run scripts and functions in the worker, and answer prompts of running code."""

from typing import Annotated, Unpack

from bluesky_qs.api.method import Echo, Lock, Says, method
from bluesky_qs.api.types import (
    WRITER,
    FunctionStarted,
    ItemParameter,
    Keyed,
    Reply,
    TaskResult,
    TaskStarted,
    TaskStatus,
    Writer,
)

_MISSING = Says(missing="Required 'task_uid' parameter is missing in the API call")


@method(lock=Lock.ENVIRONMENT, on_failure={"task_uid": None})
def script_upload(
    script: str,
    *,
    update_lists: bool = True,
    update_re: bool = False,
    run_in_background: bool = False,
    **key: Unpack[Keyed],
) -> TaskStarted:
    """Run Python code in the worker's namespace, as a task.

    ``update_lists``: look for new plans and devices afterwards. ``update_re``: let the script replace RE and db.
    """
    raise NotImplementedError


@method(
    lock=Lock.ENVIRONMENT,
    requires=WRITER,
    on_failure={"item": Echo("item"), "task_uid": None},
)
def function_execute(
    item: ItemParameter,
    *,
    run_in_background: bool = False,
    **who: Unpack[Writer],
) -> FunctionStarted:
    """Call a function of the worker's namespace, as a task: on the main thread, or in a background thread."""
    raise NotImplementedError


@method(on_failure={"task_uid": Echo("task_uid"), "status": None})
def task_status(task_uid: Annotated[str | list[str], _MISSING]) -> TaskStatus:
    """``running``, ``completed`` or ``not_found``; for a list of uids an object of them."""
    raise NotImplementedError


@method(on_failure={"task_uid": Echo("task_uid"), "status": None, "result": None})
def task_result(task_uid: Annotated[str, _MISSING]) -> TaskResult:
    """The status of a task and what is known of its result; kept for a while after its end."""
    raise NotImplementedError


@method(lock=Lock.ENVIRONMENT)
def kernel_interrupt(*, interrupt_task: bool = False, interrupt_plan: bool = False, **key: Unpack[Keyed]) -> Reply:
    """Ctrl-C for the environment's IPython kernel (IPython mode only).

    ``interrupt_task`` and ``interrupt_plan`` permit it while the manager runs a foreground task or a plan; without them
    it reaches code of a console only.
    """
    raise NotImplementedError


@method(lock=Lock.ENVIRONMENT)
def input_reply(input_uid: str, text: str, **key: Unpack[Keyed]) -> Reply:
    """Answer a prompt (``input()``) of running code."""
    raise NotImplementedError
