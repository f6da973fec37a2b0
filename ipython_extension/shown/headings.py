"""The line above a plan's log or readings: the plan, how it ended, and when."""

from collections.abc import Container, Mapping
from typing import Any

from bluesky_qs.words.plantext import plan_text
from ipython_extension.shown.colors import colored
from ipython_extension.shown.status_text import by_whom
from ipython_extension.shown.tables import cells, length_of_time, moment, shortened

#: Minimum number of columns for the plan.
_PLAN = 24


def ended_heading(item: Mapping[str, Any], known: Container[str], me: str, width: int) -> str:
    """``count([det1], num=5): aborted by grace at 14:03:22, took 3.1 s``, in one line.

    ``me`` is the user's name.
    """
    result = item.get("result") or {}
    status = str(result.get("exit_status") or "not ended yet")
    began, ended = result.get("time_start"), result.get("time_stop")
    when = f" at {moment(ended)}" if ended else ""
    took = f", took {length_of_time(ended - began)}" if began and ended else ""
    tail = f": {status}{by_whom(result, me)}{when}{took}"
    plan = shortened(plan_text(item, known), max(width - cells(tail), _PLAN))
    return colored(f"{plan}{tail}", status)
