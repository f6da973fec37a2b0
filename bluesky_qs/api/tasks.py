"""Methods that run scripts and functions in the worker and answer prompts of running code."""

from typing import Annotated, Unpack

from bluesky_qs.api.method import EchoParam, Lock, Messages, method
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

_MISSING = Messages(missing="Required 'task_uid' parameter is missing in the API call")


@method(scope="write:scripts", lock=Lock.ENVIRONMENT, on_failure={"task_uid": None})
def script_upload(
    script: str,
    *,
    update_lists: bool = True,
    update_re: bool = False,
    run_in_background: bool = False,
    **key: Unpack[Keyed],
) -> TaskStarted:
    """Run Python code in the worker's namespace, as a task.

    ``update_lists``: look for new plans and devices afterwards. ``update_re``: let the script replace ``RE`` and
    ``db``.
    """
    raise NotImplementedError


@method(
    scope="write:execute",
    lock=Lock.ENVIRONMENT,
    requires=WRITER,
    on_failure={"item": EchoParam("item"), "task_uid": None},
)
def function_execute(
    item: ItemParameter,
    *,
    run_in_background: bool = False,
    **who: Unpack[Writer],
) -> FunctionStarted:
    """Call a function of the worker's namespace, as a task.

    It runs on the main thread, or with ``run_in_background`` in a background thread.
    """
    raise NotImplementedError


@method(scope="read:monitor", on_failure={"task_uid": EchoParam("task_uid"), "status": None})
def task_status(task_uid: Annotated[str | list[str], _MISSING]) -> TaskStatus:
    """The status of a task: ``running``, ``completed`` or ``not_found``.

    For a list of uids, the reply has the status of each task by uid.
    """
    raise NotImplementedError


@method(scope="read:monitor", on_failure={"task_uid": EchoParam("task_uid"), "status": None, "result": None})
def task_result(task_uid: Annotated[str, _MISSING]) -> TaskResult:
    """The status of a task and its result. Results expire some time after the task has completed."""
    raise NotImplementedError


@method(scope="write:queue:control", lock=Lock.ENVIRONMENT)
def kernel_interrupt(*, interrupt_task: bool = False, interrupt_plan: bool = False, **key: Unpack[Keyed]) -> Reply:
    """Interrupt the environment's IPython kernel, like Ctrl-C (IPython mode only).

    Code that was typed in a console is always interrupted. A foreground task is interrupted only with
    ``interrupt_task``, and a plan only with ``interrupt_plan``.
    """
    raise NotImplementedError


@method(scope="write:execute", lock=Lock.ENVIRONMENT)
def input_reply(input_uid: str, text: str, **key: Unpack[Keyed]) -> Reply:
    """Answer a prompt (``input()``) of running code."""
    raise NotImplementedError
