"""Every metric of a service and its door: name, labels and meaning, as in the documentation."""

from typing import NamedTuple

from bluesky_qs.api.values import ManagerStateName

STATES: tuple[str, ...] = ManagerStateName.__args__


class Described(NamedTuple):
    """A metric, as in the documentation."""

    name: str
    labels: tuple[str, ...]
    text: str


QUEUE = Described("bluesky_qs_queue_items", ("instrument",), "Items in the queue")
HISTORY = Described("bluesky_qs_history_items", ("instrument",), "Items in the history")
STATE = Described(
    "bluesky_qs_manager_state", ("instrument", "state"), "1 for the state of the manager, 0 for the others"
)
UP = Described("bluesky_qs_manager_up", ("instrument",), "1 if the manager can be used, 0 if it is down or slow")
RESTARTS = Described(
    "bluesky_qs_manager_restarts_total",
    ("instrument",),
    "Number of reconnections to the manager, after a restart or a network interruption",
)
PLANS = Described(
    "bluesky_qs_plans_total",
    ("instrument", "exit_status"),
    "Plans that have ended; `exit_status` is completed, failed, stopped, …",
)
PLAN_DURATION = Described("bluesky_qs_plan_duration_seconds", ("instrument",), "Duration of plans (histogram)")
REQUEST_DURATION = Described(
    "bluesky_qs_http_request_duration_seconds",
    ("route", "status"),
    "Time until a request was answered (histogram); `_count` is the number of requests",
)
READERS = Described("bluesky_qs_stream_readers", (), "Open streams")
DROPPED = Described(
    "bluesky_qs_stream_dropped_messages_total",
    ("instrument", "stream"),
    "Messages that slow readers of streams missed",
)
#: Those that a service without a door has, too.
OF_SERVICES = (QUEUE, HISTORY, STATE, UP, RESTARTS, PLANS, PLAN_DURATION)
#: Every metric, in the order of the documentation.
METRICS = (*OF_SERVICES, REQUEST_DURATION, READERS, DROPPED)
