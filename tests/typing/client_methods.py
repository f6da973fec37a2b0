"""Read by pyright: the client's methods have the signatures of their stubs."""

# pyright: reportUnnecessaryTypeIgnoreComment=error

from collections.abc import Awaitable, Callable
from typing import Any, assert_type

from bluesky_qs import BPlan, REManagerAPI
from bluesky_qs.api import queue
from bluesky_qs.api.types import BatchAdded, ItemAdded, PlansAllowed, Queue, Reply, Status
from bluesky_qs.api.values import Item, ManagerStateName
from bluesky_qs.client.bind import acall

RM = REManagerAPI()

assert_type(RM.status(), Status)
assert_type(RM.queue_item_add({"item_type": "plan", "name": "count"}), ItemAdded)
assert_type(
    RM.queue_item_add(BPlan("count", ["det1"]), pos=-1, user="ana", user_group="staff", lock_key="k"), ItemAdded
)
assert_type(RM.queue_item_add_batch([BPlan("count")], pos="front"), BatchAdded)
assert_type(RM.item_add(BPlan("count")), ItemAdded)
assert_type(RM.re_pause("immediate"), Reply)
assert_type(RM.queue_mode_set(loop=True, ignore_failures=False), Reply)
assert_type(RM.queue_mode_set("default"), Reply)
assert_type(RM.queue_get(), Queue)
assert_type(RM.queue_get(reload=True), Queue)
assert_type(RM.plans_allowed(), PlansAllowed)
assert_type(RM.plans.count(["det1"]), BPlan)
assert_type(RM.wait_for_item("uid"), dict[str, Any])
assert_type(RM.status()["manager_state"], ManagerStateName)

# What the stub does not have is an error; so is a comment here that suppresses none.
RM.queue_item_add()  # pyright: ignore[reportCallIssue]
RM.queue_item_add(BPlan("count"), positon=1)  # pyright: ignore[reportCallIssue]
RM.queue_item_add(BPlan("count"), pos="middle")  # pyright: ignore[reportArgumentType]
RM.re_pause("soon")  # pyright: ignore[reportArgumentType]
RM.queue_autostart()  # pyright: ignore[reportCallIssue]


class Asynchronous:
    queue_item_get = acall(queue.queue_item_get)


async def ask() -> None:
    assert_type((await Asynchronous().queue_item_get(pos=0))["item"], Item)


_: Callable[[], Awaitable[Any]] = ask
