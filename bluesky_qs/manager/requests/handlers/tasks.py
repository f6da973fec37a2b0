"""Handlers of methods that run scripts and functions in the worker."""

from typing import Any, TypeVar, Unpack
from uuid import uuid4

from bluesky_qs import api
from bluesky_qs.api.method import shortened
from bluesky_qs.api.types import (
    FunctionStarted,
    Item,
    Reply,
    SentItem,
    TaskResult,
    TaskStarted,
    TaskStatus,
    Writer,
)
from bluesky_qs.errors import BadParams, NotPermitted, QSError, Refused, WrongState
from bluesky_qs.ipc.commands import InterruptKernel, RunFunction, RunScript, UpdateEnvironment
from bluesky_qs.ipc.states import EnvironmentState
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.requests.dispatch import handles
from bluesky_qs.manager.requests.handlers.states import require_environment, require_idle_kernel
from bluesky_qs.manager.worker.state import ManagerEvent, ManagerState
from bluesky_qs.wire.codec import json_text

R = TypeVar("R", TaskStarted, FunctionStarted)


@handles(api.tasks.script_upload, stores_reply=True)
async def script_upload(
    ctx: Context,
    script: str,
    *,
    update_lists: bool = True,
    update_re: bool = False,
    run_in_background: bool = False,
) -> TaskStarted:
    uid = str(uuid4())
    command = RunScript(uid, script, update_lists, update_re, run_in_background)
    return await _start(ctx, {"task_uid": uid}, command, background=run_in_background)


@handles(api.environment.environment_update, stores_reply=True)
async def environment_update(
    ctx: Context,
    *,
    run_in_background: bool = False,
) -> TaskStarted:
    uid = str(uuid4())
    command = UpdateEnvironment(uid, run_in_background)
    return await _start(ctx, {"task_uid": uid}, command, background=run_in_background)


@handles(api.tasks.function_execute, stores_reply=True)
async def function_execute(
    ctx: Context,
    item: SentItem,
    *,
    run_in_background: bool = False,
    **who: Unpack[Writer],
) -> FunctionStarted:
    user, group = who.get("user", ""), who.get("user_group", "")
    ctx.lists.check_group(group)
    if item.get("item_type", "function") != "function":
        msg = f"Incorrect request format: unsupported 'item_type' value: {item['item_type']!r}. Expected: 'function'"
        raise BadParams(msg)
    name = item.get("name")
    if not isinstance(name, str) or not name:
        raise BadParams(f"Function name is not specified: item={shortened(item)}")
    arguments: dict[str, Any] = {}
    for field, (kind, description) in {"args": (list, "a list"), "kwargs": (dict, "an object")}.items():
        given = item.get(field)
        arguments[field] = kind() if given is None else given
        if not isinstance(arguments[field], kind):
            raise BadParams(f"Function parameter {field!r} must be {description}: {shortened(item[field])}")
    if not ctx.lists.catalog.function_allowed(name, group):
        msg = (
            f"Function {name!r} is not allowed for the user group {group!r}: "
            "add it to 'allowed_functions' in user_group_permissions.yaml"
        )
        raise NotPermitted(msg)
    uid = str(uuid4())
    function: Item = {
        "item_type": "function",
        "name": name,
        "args": arguments["args"],
        "kwargs": arguments["kwargs"],
        "user": user,
        "user_group": group,
        "item_uid": uid,
    }
    if "meta" in item:
        function["meta"] = item["meta"]
    command = RunFunction(uid, json_text(function), run_in_background)
    reply: FunctionStarted = {"item": function, "task_uid": uid}
    return await _start(ctx, reply, command, background=run_in_background)


@handles(api.tasks.task_status)
def task_status(ctx: Context, task_uid: str | list[str]) -> TaskStatus:
    status: Any = (
        ctx.tasks.status(task_uid) if isinstance(task_uid, str) else {uid: ctx.tasks.status(uid) for uid in task_uid}
    )
    return {"task_uid": task_uid, "status": status}


@handles(api.tasks.task_result)
def task_result(ctx: Context, task_uid: str) -> TaskResult:
    return {"task_uid": task_uid, "status": ctx.tasks.status(task_uid), "result": ctx.tasks.result(task_uid)}


@handles(api.tasks.input_reply)
async def input_reply(ctx: Context, input_uid: str, text: str) -> Reply:
    await ctx.environment.reply(input_uid, text)
    return {}


@handles(api.tasks.kernel_interrupt)
async def kernel_interrupt(
    ctx: Context,
    *,
    interrupt_task: bool = False,
    interrupt_plan: bool = False,
) -> Reply:
    if not ctx.settings.worker.use_ipython_kernel:
        raise WrongState("RE Manager is not in IPython mode: IPython kernel is not used")
    require_environment(ctx)
    # Code from a console may control a resumed plan, or run between two plans. Users may always interrupt their own
    # code.
    from_console = ctx.environment.state.environment is EnvironmentState.RESERVED
    match ctx.lifecycle.state:
        case ManagerState.EXECUTING_TASK if not (interrupt_task or from_console):
            raise Refused("Not allowed to interrupt running task: interrupt_task=False")
        case ManagerState.STARTING_QUEUE | ManagerState.EXECUTING_QUEUE if not (interrupt_plan or from_console):
            raise Refused("Not allowed to interrupt running plan: interrupt_plan=False")
        case _:
            await ctx.environment.send(InterruptKernel())
    return {}


async def _start(
    ctx: Context, reply: R, command: RunScript | RunFunction | UpdateEnvironment, *, background: bool
) -> R:
    """Send a task to the worker. The manager must be idle, unless the task runs in a background thread.

    The reply is stored first, so that a repeated request does not run the task twice. The status of the task's uid
    shows whether the task ran.
    """
    uid = command.task_uid
    if not ctx.environment.is_open:
        raise WrongState("RE Worker environment is not open.")
    if not background:
        await require_idle_kernel(ctx)
        ctx.lifecycle.fire(ManagerEvent.TASK_STARTED)
    ctx.tasks.started(uid, ctx.clock.time(), background=background)
    try:
        await ctx.ledger.remember(reply)
        await ctx.environment.send(command, lambda: ctx.tasks.refused(uid))
    except QSError:
        ctx.tasks.refused(uid)
        raise
    return reply
