"""The states of the manager's link to the worker and the events that change them."""

from enum import StrEnum, auto

from bluesky_qs.manager.worker.transitions import StateMachine


class LinkState(StrEnum):
    """The state of the link to a worker.

    Attributes
    ----------
    ABSENT
        There is no worker process.
    STARTING
        The manager has requested a worker process from the supervisor.
    ATTACHED
        The manager is connected to a worker whose environment is not open.
    OPEN
        The environment is open.
    ENDING
        The worker process has ended, and its last reports are being handled.
    """

    ABSENT = auto()
    STARTING = auto()
    ATTACHED = auto()
    OPEN = auto()
    ENDING = auto()


class LinkEvent(StrEnum):
    """Events that change the state of the link."""

    PROCESS_REQUESTED = auto()
    START_FAILED = auto()
    CONNECTED = auto()
    OPENED = auto()
    PROCESS_ENDED = auto()
    REPORTS_DONE = auto()


_S, _E = LinkState, LinkEvent

LINK_TRANSITIONS: dict[tuple[LinkState, LinkEvent], LinkState] = {
    (_S.ABSENT, _E.PROCESS_REQUESTED): _S.STARTING,
    (_S.STARTING, _E.START_FAILED): _S.ABSENT,
    (_S.STARTING, _E.CONNECTED): _S.ATTACHED,
    # A manager that replaces another may find a worker.
    (_S.ABSENT, _E.CONNECTED): _S.ATTACHED,
    (_S.ATTACHED, _E.OPENED): _S.OPEN,
    # It may find the environment open and still receive the unacknowledged report on the opening.
    (_S.OPEN, _E.OPENED): _S.OPEN,
    (_S.ATTACHED, _E.PROCESS_ENDED): _S.ENDING,
    (_S.OPEN, _E.PROCESS_ENDED): _S.ENDING,
    # The report on the opening may be among the last reports.
    (_S.ENDING, _E.OPENED): _S.ENDING,
    (_S.ENDING, _E.REPORTS_DONE): _S.ABSENT,
}


class LinkLifecycle(StateMachine[LinkState, LinkEvent]):
    """Holds the state of the link to the worker."""

    def __init__(self) -> None:
        super().__init__(LINK_TRANSITIONS, LinkState.ABSENT)
