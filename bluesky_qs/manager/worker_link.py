"""The states of the manager's link to the worker, and what leads from one to the next."""

from enum import StrEnum, auto

from bluesky_qs.manager.transitions import StateMachine


class LinkState(StrEnum):
    """How the manager is connected to a worker.

    Attributes
    ----------
    ABSENT
        There is no worker process.
    STARTING
        The supervisor has been asked for a worker process.
    ATTACHED
        The manager is connected to a worker whose environment is not open.
    OPEN
        The environment is open.
    ENDING
        The worker process has ended, and its last reports are being dealt with.
    """

    ABSENT = auto()
    STARTING = auto()
    ATTACHED = auto()
    OPEN = auto()
    ENDING = auto()


class LinkEvent(StrEnum):
    """What happens to the link."""

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
    # A manager that replaces another finds a worker.
    (_S.ABSENT, _E.CONNECTED): _S.ATTACHED,
    (_S.ATTACHED, _E.OPENED): _S.OPEN,
    # Such a manager finds the environment open, and gets the report on the opening if nobody acknowledged it.
    (_S.OPEN, _E.OPENED): _S.OPEN,
    (_S.ATTACHED, _E.PROCESS_ENDED): _S.ENDING,
    (_S.OPEN, _E.PROCESS_ENDED): _S.ENDING,
    # The report on the opening may be among the last ones.
    (_S.ENDING, _E.OPENED): _S.ENDING,
    (_S.ENDING, _E.REPORTS_DONE): _S.ABSENT,
}


class LinkLifecycle(StateMachine[LinkState, LinkEvent]):
    """Holds the state of the link to the worker."""

    def __init__(self) -> None:
        super().__init__(LINK_TRANSITIONS, LinkState.ABSENT)
