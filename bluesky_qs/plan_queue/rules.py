"""The rules for an item and for the queue when a plan ends.

They depend on the modes and on a table of exit statuses.
"""

import json
from typing import Any, Self

import msgspec

from bluesky_qs.errors import BadParams
from bluesky_qs.plan_queue.items import as_object


class ModeSwitches(msgspec.Struct, frozen=True):
    """How the queue treats finished and failed plans."""

    loop: bool = False
    ignore_failures: bool = False

    @classmethod
    def restored(cls, stored: bytes | None) -> Self:
        """Return the mode according to the stored fact. Switches that the fact does not name are off."""
        mode = as_object(json.loads(stored)) if stored else {}
        return cls(**{name: mode[name] for name in cls.__struct_fields__ if isinstance(mode.get(name), bool)})

    def with_(self, named: Any) -> Self:
        """Return the mode with the values from a request. Other values do not change.

        Raises
        ------
        BadParams
        """
        if not isinstance(named, dict):
            msg = f"Queue mode is passed using object of unsupported type '{type(named)}': mode={named!r}"
            raise BadParams(msg)
        changes = as_object(named)
        for name, value in changes.items():
            if name not in self.__struct_fields__:
                known = list(self.__struct_fields__)
                msg = f"Unsupported plan queue mode parameter {name!r}. Supported parameters: {known}"
                raise BadParams(msg)
            if not isinstance(value, bool):
                msg = f"Unsupported type '{type(value)}' of the parameter {name!r}. Supported type: '{bool}'"
                raise BadParams(msg)
        return msgspec.structs.replace(self, **changes)


class EndRule(msgspec.Struct, frozen=True):
    """The next step after a plan has ended.

    Attributes
    ----------
    to_front
        Whether the item is requeued at the front. If not, it leaves the queue, or goes to the back in loop mode.
    continues
        Whether the next item may start and autostart stays on.
    """

    to_front: bool
    continues: bool


_ENDS = {
    "completed": EndRule(to_front=False, continues=True),
    "stopped": EndRule(to_front=False, continues=False),
    "failed": EndRule(to_front=True, continues=False),
    "aborted": EndRule(to_front=True, continues=False),
    "halted": EndRule(to_front=True, continues=False),
    "unknown": EndRule(to_front=True, continues=False),
}


def known_status(exit_status: Any) -> str:
    """Return the exit status, or ``unknown`` for any unrecognized value."""
    return exit_status if exit_status in _ENDS else "unknown"


def end_rule(exit_status: str, mode: ModeSwitches, *, interrupted: bool) -> EndRule:
    """Return the next step after this exit status. The failure of an ``interrupted`` plan is never ignored."""
    if exit_status == "failed" and mode.ignore_failures and not interrupted:
        return _ENDS["completed"]
    return _ENDS[exit_status]
