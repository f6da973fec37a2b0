"""Methods on the history: the items that have run, with their results."""

from typing import Annotated, Unpack

from bluesky_qs.api.method import Lock, Messages, method
from bluesky_qs.api.types import History, Keyed, Reply

_SIZE = Annotated[
    int | None,
    Messages(wrong="Error: The 'size' parameter must be an integer: size={value!r}"),
]


@method(scope="read:history", on_failure={"items": [], "plan_history_uid": ""})
def history_get(
    *,
    limit: int | None = None,
    before: str | None = None,
    exit_status: str | None = None,
    name: str | None = None,
) -> History:
    """The history, oldest item first.

    With any of the parameters, one page: the newest ``limit`` items that are older than the item ``before`` and have
    this exit status and plan name. The items of a page are also oldest first.
    """
    raise NotImplementedError


@method(scope="write:history:edit", lock=Lock.QUEUE, bare=True)
def history_clear(*, size: _SIZE = None, item_uid: str | None = None, **key: Unpack[Keyed]) -> Reply:
    """Clear the history.

    With ``size``, the newest ``size`` items are kept. With ``item_uid``, only that item and all older ones are removed;
    nothing is removed if it is not in the history.
    """
    raise NotImplementedError
