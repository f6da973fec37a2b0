"""Methods on the service itself: its status, configuration, event and console record, and its end."""

from bluesky_qs.api.method import method
from bluesky_qs.api.types import Config, ConsoleMessages, Events, Reply, Status, StopOption


@method(lenient=True)
def ping() -> Status:
    """Answer with the status: tells that the service is there."""
    raise NotImplementedError


@method(lenient=True)
def status() -> Status:
    """State of the service: manager, environment, RunEngine, queue, and the uids that tell which lists changed.

    Always answered, from memory, whatever else is going on.
    """
    raise NotImplementedError


@method(on_failure={"config": {}})
def config_get() -> Config:
    """Configuration that clients may need: ``ip_connect_info``, the Jupyter connection of an environment's kernel."""
    raise NotImplementedError


@method()
def manager_stop(option: StopOption = "safe_on") -> Reply:
    """Stop the whole service.

    ``safe_on`` is refused unless the manager is idle; ``safe_off`` interrupts a running plan, which goes back to the
    front of the queue.
    """
    raise NotImplementedError


@method()
def manager_kill() -> Reply:
    """Freeze the manager (for tests): it never answers; the watchdog replaces it within about 5 s."""
    raise NotImplementedError


@method(on_failure={"events": [], "last": 0, "first": 1})
def events_get(since: int, *, limit: int = 1000) -> Events:
    """Changes of the service after the event number ``since``, oldest first, at most ``limit`` of them.

    ``first`` in the answer is the oldest event that is kept: if it is greater than ``since`` + 1, events are missing.
    """
    raise NotImplementedError


@method(on_failure={"messages": [], "last": 0})
def console_get(since: int | None = None, *, limit: int = 1000) -> ConsoleMessages:
    """Console output after the message number ``since`` (null: the latest), at most ``limit`` messages."""
    raise NotImplementedError
