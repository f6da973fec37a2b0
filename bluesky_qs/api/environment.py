"""Methods on the RE Worker environment: the process in which the startup code and the plans run."""

from typing import Unpack

from bluesky_qs.api.method import Lock, method
from bluesky_qs.api.types import EnvironmentReport, Keyed, Reply, TaskStarted


@method(lock=Lock.ENVIRONMENT)
def environment_open(**key: Unpack[Keyed]) -> Reply:
    """Start opening the environment: a worker process runs the startup code.

    Only initiates; ``status`` tells when it is open. Refused unless the manager is idle and no environment exists.
    """
    raise NotImplementedError


@method(lock=Lock.ENVIRONMENT)
def environment_close(**key: Unpack[Keyed]) -> Reply:
    """Start an orderly close of the environment. Refused unless the manager is idle."""
    raise NotImplementedError


@method(lock=Lock.ENVIRONMENT)
def environment_destroy(**key: Unpack[Keyed]) -> Reply:
    """Kill the worker process, whatever it is doing: for an environment that no longer responds."""
    raise NotImplementedError


@method(lock=Lock.ENVIRONMENT, on_failure={"task_uid": None})
def environment_update(*, run_in_background: bool = False, **key: Unpack[Keyed]) -> TaskStarted:
    """Look through the worker's namespace again: plans, devices and RE may have changed. Runs as a task."""
    raise NotImplementedError


@method(on_failure={"report": {}})
def environment_report() -> EnvironmentReport:
    """What the last opening of the environment found: files with times, problems, plans and devices left out."""
    raise NotImplementedError
