"""A whole manager in one process, for tests of clients and of plans.

=======================  ==============================================================================================
`Manager`                a manager with a scripted worker, in a thread, on real sockets: tests of clients `Service` a
manager with a real worker process and your startup files: tests of plans `AsyncManager`           a manager in the
event loop of the test `ScriptedWorker`         a worker whose plans, tasks and openings follow scripts of steps: `End`,
`Fail`, `Pause`, `Wait` `Clock`                  the manager's clock, which the test moves =======================
==============================================================================================

`bluesky_qs.testing.pytest_plugin` has fixtures: ``qs_manager`` and ``qs_service``.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bluesky_qs.store.memory import MemoryStore
    from bluesky_qs.testing.aio import AsyncManager
    from bluesky_qs.testing.clock import Clock
    from bluesky_qs.testing.steps import (
        Ask,
        Die,
        End,
        Fail,
        Hang,
        Measure,
        NewLists,
        Open,
        Pause,
        Print,
        Release,
        Return,
        RunEngine,
        Step,
        Suspend,
        Wait,
        WaitFor,
    )
    from bluesky_qs.testing.sync import Manager, Result, Service
    from bluesky_qs.testing.worker import ScriptedWorker

# Imported on first use, so that a test suite with the plugin loads the service only in tests that use it.
_HOME = {
    "Ask": "bluesky_qs.testing.steps",
    "AsyncManager": "bluesky_qs.testing.aio",
    "Clock": "bluesky_qs.testing.clock",
    "Die": "bluesky_qs.testing.steps",
    "End": "bluesky_qs.testing.steps",
    "Fail": "bluesky_qs.testing.steps",
    "Hang": "bluesky_qs.testing.steps",
    "Manager": "bluesky_qs.testing.sync",
    "Measure": "bluesky_qs.testing.steps",
    "MemoryStore": "bluesky_qs.store.memory",
    "NewLists": "bluesky_qs.testing.steps",
    "Open": "bluesky_qs.testing.steps",
    "Pause": "bluesky_qs.testing.steps",
    "Print": "bluesky_qs.testing.steps",
    "Release": "bluesky_qs.testing.steps",
    "Result": "bluesky_qs.testing.sync",
    "Return": "bluesky_qs.testing.steps",
    "RunEngine": "bluesky_qs.testing.steps",
    "ScriptedWorker": "bluesky_qs.testing.worker",
    "Service": "bluesky_qs.testing.sync",
    "Step": "bluesky_qs.testing.steps",
    "Suspend": "bluesky_qs.testing.steps",
    "Wait": "bluesky_qs.testing.steps",
    "WaitFor": "bluesky_qs.testing.steps",
}

__all__ = [
    "Ask",
    "AsyncManager",
    "Clock",
    "Die",
    "End",
    "Fail",
    "Hang",
    "Manager",
    "Measure",
    "MemoryStore",
    "NewLists",
    "Open",
    "Pause",
    "Print",
    "Release",
    "Result",
    "Return",
    "RunEngine",
    "ScriptedWorker",
    "Service",
    "Step",
    "Suspend",
    "Wait",
    "WaitFor",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'bluesky_qs.testing' has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - see _HOME

    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
