"""Methods on the history: every plan that ran, with its result."""

from typing import Annotated, Unpack

from bluesky_qs.api.method import Lock, Says, method
from bluesky_qs.api.types import History, Keyed, Reply

_SIZE = Annotated[
    int | None,
    Says(wrong="Error: The 'size' parameter must be an integer: size={value!r}"),
]


@method(on_failure={"items": [], "plan_history_uid": ""})
def history_get(
    *,
    limit: int | None = None,
    before: str | None = None,
    exit_status: str | None = None,
    name: str | None = None,
) -> History:
    """The history, oldest item first.

    With any parameter, one page: the newest ``limit`` items older than the item ``before``, of that exit status and
    plan name; the items in it oldest first.
    """
    raise NotImplementedError


@method(lock=Lock.QUEUE)
def history_clear(*, size: _SIZE = None, item_uid: str | None = None, **key: Unpack[Keyed]) -> Reply:
    """Clear the history, or all but the newest ``size`` items, or the item ``item_uid`` and all older ones."""
    raise NotImplementedError
