"""Methods on the RE Worker environment: the process that runs the startup code and the plans."""

from typing import Unpack

from bluesky_qs.api.method import Lock, method
from bluesky_qs.api.types import EnvironmentReport, Keyed, Reply, TaskStarted


@method(scope="write:manager:control", lock=Lock.ENVIRONMENT)
def environment_open(**key: Unpack[Keyed]) -> Reply:
    """Open the environment: start a worker process that runs the startup code.

    The reply comes immediately; ``status`` shows when the environment is open. Refused unless the manager is idle and
    no environment exists.
    """
    raise NotImplementedError


@method(scope="write:manager:control", lock=Lock.ENVIRONMENT)
def environment_close(**key: Unpack[Keyed]) -> Reply:
    """Close the environment in an orderly way. Refused unless the manager is idle."""
    raise NotImplementedError


@method(scope="write:manager:control", lock=Lock.ENVIRONMENT)
def environment_destroy(**key: Unpack[Keyed]) -> Reply:
    """Kill the worker process, even in the middle of a plan. Use this if the environment does not respond."""
    raise NotImplementedError


@method(scope="write:queue:control", lock=Lock.ENVIRONMENT, on_failure={"task_uid": None})
def environment_update(*, run_in_background: bool = False, **key: Unpack[Keyed]) -> TaskStarted:
    """Search the worker's namespace for plans, devices and ``RE`` again. This runs as a task."""
    raise NotImplementedError


@method(scope="read:monitor", on_failure={"report": {}})
def environment_report() -> EnvironmentReport:
    """The report on the last opening of the environment.

    It lists the startup files and how long each one took, the problems, and the plans and devices that were left out.
    """
    raise NotImplementedError
