"""Makes the ``result`` of an item in the history."""

import json
from typing import Any

from bluesky_qs.error_text import stored_message
from bluesky_qs.ipc.reports import PlanEnded

#: Exit statuses of plans that were ended on request.
_BY_REQUEST = ("stopped", "aborted", "halted")


def reported(report: PlanEnded, ender: str | None = None, expected: float | None = None) -> dict[str, Any]:
    """Return the result of a plan that ended in the worker.

    ``ender`` is the user who requested its end; ``expected`` is its expected time in seconds.
    """
    stood = {"time_paused": report.time_paused, "time_suspended": report.time_suspended}
    by_request = ender and report.exit_status in _BY_REQUEST
    return {
        "exit_status": report.exit_status,
        "run_uids": report.run_uids,
        "scan_ids": report.scan_ids,
        "time_start": report.time_start,
        "time_stop": report.time_stop,
        "msg": report.message,
        "traceback": report.traceback,
        "return_value": json.loads(report.return_value),
        "return_value_is_text": report.return_value_is_text,
        **({"ended_by": ender} if by_request else {}),
        **({"time_estimated": round(expected, 3)} if expected is not None else {}),
        **{name: round(seconds, 3) for name, seconds in stood.items() if seconds > 0},
    }


def unreported(exit_status: str, msg: str = "", *, now: float) -> dict[str, Any]:
    """Return the result of an item that the worker did not run or did not report. ``now`` is in epoch seconds."""
    return {
        "exit_status": exit_status,
        "run_uids": [],
        "scan_ids": [],
        "time_start": now,
        "time_stop": now,
        "msg": stored_message(msg),
        "traceback": "",
        "return_value": None,
        "return_value_is_text": False,
    }
