"""``manager_state``: the manager's states and the events that change them."""

from collections.abc import Callable
from enum import StrEnum, auto

from bluesky_qs.manager.worker.transitions import StateMachine


class ManagerState(StrEnum):
    """The state of the manager, as in ``status``."""

    INITIALIZING = "initializing"
    IDLE = "idle"
    PAUSED = "paused"
    CREATING_ENVIRONMENT = "creating_environment"
    STARTING_QUEUE = "starting_queue"
    EXECUTING_QUEUE = "executing_queue"
    EXECUTING_TASK = "executing_task"
    CLOSING_ENVIRONMENT = "closing_environment"
    DESTROYING_ENVIRONMENT = "destroying_environment"


class ManagerEvent(StrEnum):
    """Events that change the state.

    A manager that replaces another one starts with ``FOUND_…``, depending on the state of the worker.
    """

    FOUND_NOTHING_RUNNING = auto()
    FOUND_OPENING = auto()
    FOUND_PLAN_RUNNING = auto()
    FOUND_PLAN_PAUSED = auto()
    FOUND_TASK_RUNNING = auto()
    FOUND_CLOSING = auto()
    OPEN_REQUESTED = auto()
    OPENED = auto()
    OPEN_FAILED = auto()
    CLOSE_REQUESTED = auto()
    CLOSED = auto()
    CLOSE_REFUSED = auto()
    DESTROY_REQUESTED = auto()
    WORKER_GONE = auto()
    START_REQUESTED = auto()
    PLAN_STARTED = auto()
    PLAN_PAUSED = auto()
    PLAN_RESUMED = auto()
    QUEUE_ENDED = auto()
    TASK_STARTED = auto()
    TASK_ENDED = auto()


_S, _E = ManagerState, ManagerEvent

TRANSITIONS: dict[tuple[ManagerState, ManagerEvent], ManagerState] = {
    (_S.INITIALIZING, _E.FOUND_NOTHING_RUNNING): _S.IDLE,
    (_S.INITIALIZING, _E.FOUND_OPENING): _S.CREATING_ENVIRONMENT,
    (_S.INITIALIZING, _E.FOUND_PLAN_RUNNING): _S.EXECUTING_QUEUE,
    (_S.INITIALIZING, _E.FOUND_PLAN_PAUSED): _S.PAUSED,
    (_S.INITIALIZING, _E.FOUND_TASK_RUNNING): _S.EXECUTING_TASK,
    (_S.INITIALIZING, _E.FOUND_CLOSING): _S.CLOSING_ENVIRONMENT,
    (_S.IDLE, _E.OPEN_REQUESTED): _S.CREATING_ENVIRONMENT,
    (_S.CREATING_ENVIRONMENT, _E.OPENED): _S.IDLE,
    (_S.CREATING_ENVIRONMENT, _E.OPEN_FAILED): _S.IDLE,
    (_S.IDLE, _E.CLOSE_REQUESTED): _S.CLOSING_ENVIRONMENT,
    (_S.CLOSING_ENVIRONMENT, _E.CLOSED): _S.IDLE,
    (_S.CLOSING_ENVIRONMENT, _E.CLOSE_REFUSED): _S.IDLE,
    (_S.IDLE, _E.START_REQUESTED): _S.STARTING_QUEUE,
    (_S.STARTING_QUEUE, _E.PLAN_STARTED): _S.EXECUTING_QUEUE,
    (_S.EXECUTING_QUEUE, _E.PLAN_STARTED): _S.EXECUTING_QUEUE,
    (_S.EXECUTING_QUEUE, _E.PLAN_PAUSED): _S.PAUSED,
    (_S.PAUSED, _E.PLAN_RESUMED): _S.EXECUTING_QUEUE,
    # A plan that was resumed from a console may end before its resumption is reported.
    (_S.PAUSED, _E.PLAN_STARTED): _S.EXECUTING_QUEUE,
    (_S.STARTING_QUEUE, _E.QUEUE_ENDED): _S.IDLE,
    (_S.EXECUTING_QUEUE, _E.QUEUE_ENDED): _S.IDLE,
    (_S.PAUSED, _E.QUEUE_ENDED): _S.IDLE,
    (_S.IDLE, _E.TASK_STARTED): _S.EXECUTING_TASK,
    (_S.EXECUTING_TASK, _E.TASK_ENDED): _S.IDLE,
}
# The worker can be destroyed or die in any state.
for _state in (
    _S.IDLE,
    _S.PAUSED,
    _S.CREATING_ENVIRONMENT,
    _S.STARTING_QUEUE,
    _S.EXECUTING_QUEUE,
    _S.EXECUTING_TASK,
    _S.CLOSING_ENVIRONMENT,
):
    TRANSITIONS[_state, _E.DESTROY_REQUESTED] = _S.DESTROYING_ENVIRONMENT
    TRANSITIONS[_state, _E.WORKER_GONE] = _S.IDLE
TRANSITIONS[_S.DESTROYING_ENVIRONMENT, _E.WORKER_GONE] = _S.IDLE


class Lifecycle(StateMachine[ManagerState, ManagerEvent]):
    """Holds the manager's state.

    Attributes
    ----------
    is_ending
        Whether the service is stopping.
    user
        The user whose request led to the present state; None if no request did, or if the request had no user.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        super().__init__(TRANSITIONS, ManagerState.INITIALIZING, changed)
        self.is_ending = False
        self.user: str | None = None

    def fire(self, event: ManagerEvent, user: str | None = None) -> None:
        """Change the state according to the table. ``user`` requested the change, if anyone did."""
        before = self.state
        super().fire(event)
        if self.state is not before:
            self.user = user

    def end(self) -> None:
        """Record that the service is stopping."""
        self.is_ending = True
        self._changed()
