"""Methods on the history: the items that have run, with their results."""

from typing import Annotated, Unpack

from bluesky_qs.api.method import Lock, Messages, method
from bluesky_qs.api.types import History, Keyed, Reply

_SIZE = Annotated[
    int | None,
    Messages(wrong="Error: The 'size' parameter must be an integer: size={value!r}"),
]

#: Maximum number of items, and of bytes of JSON text, in one reply.
MOST_ITEMS, MOST_BYTES = 50_000, 64_000_000
#: Maximum number of items on a page if the request has no ``limit``.
PAGE = 1000


@method(
    scope="read:history",
    extensions=("limit", "before", "exit_status", "name", "user", "since", "until", "metadata", "search", "scan_id"),
    on_failure={"items": [], "plan_history_uid": ""},
)
def history_get(
    *,
    limit: int | None = None,
    before: str | None = None,
    exit_status: str | list[str] | None = None,
    name: str | None = None,
    user: str | None = None,
    since: float | None = None,
    until: float | None = None,
    metadata: dict[str, str] | None = None,
    search: str | None = None,
    scan_id: int | None = None,
) -> History:
    """The history, oldest item first.

    If you give any parameter, the reply is one page: the newest ``limit`` (1000 by default) of the items that match all
    parameters, also oldest first. For the next page, send the uid of the oldest item as ``before``. Without parameters,
    the reply has all items; the request is refused if there are more than 50 000, or if they are larger than 64 MB.

    ``exit_status`` is one exit status or a list of them; ``name`` is the name of the plan, or a shell pattern. ``user``
    is the item's user; the display name can be left out: ``jdoe`` also finds ``jdoe "John Doe"``. ``since`` and
    ``until`` are Unix times, compared with ``time_start``. ``metadata`` has a shell pattern (``*``, ``?``, ``[…]``) for
    each key. The pattern is compared with the text of the value (in Python, ``str(value)``), and case is ignored.
    ``scan_id`` is the scan id of one of the plan's runs.

    ``search`` finds words in the names, parameters and metadata of plans and in the messages of their results: an
    item must have all of them. Each word also finds longer words that begin with it (``S0`` finds ``S03``). Double
    quotes find only the exact word, or exact words in this order (``"Cu foil"``). Case and accents are ignored. The
    words are looked up in an index. ``index_complete`` is false while the service builds the index, for example after
    its file was deleted. During that time, older items may be missing on the page.
    """
    raise NotImplementedError


@method(scope="write:history:edit", lock=Lock.QUEUE, bare=True)
def history_clear(*, size: _SIZE = None, item_uid: str | None = None, **key: Unpack[Keyed]) -> Reply:
    """Clear the history.

    With ``size``, the newest ``size`` items are kept. With ``item_uid``, only that item and all older ones are removed;
    nothing is removed if it is not in the history.
    """
    raise NotImplementedError
