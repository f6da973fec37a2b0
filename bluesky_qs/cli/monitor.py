"""``qserver monitor``: the status, then every change of it."""

from collections.abc import Mapping
from typing import Any

from bluesky_qs.cli import output
from bluesky_qs.client.info import StatusFeed
from bluesky_qs.client.sync import REManagerAPI

#: Seconds to wait for the next publication; only bounds how long a Ctrl-C can go unnoticed.
_PATIENCE = 1.0
#: They change with every status and tell a reader nothing.
_NOISE = ("time", "status_uid")


def follow(manager: REManagerAPI, *, as_json: bool) -> None:
    """Print the status, then what changes in it, until interrupted."""
    try:
        _follow(manager, as_json=as_json)
    except KeyboardInterrupt:
        return  # this is how one ends it


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What is new or different in a status."""
    return {
        key: value for key, value in after.items() if key not in _NOISE and (key not in before or before[key] != value)
    }


def _follow(manager: REManagerAPI, *, as_json: bool) -> None:
    write = output.as_json_line if as_json else output.message
    with StatusFeed(manager) as feed:
        last: Mapping[str, Any] = manager.status()
        print(write(last), flush=True)
        while True:
            status = feed.next_status(_PATIENCE)
            if status is None:
                continue
            if changed := changes(last, status):
                print(write(changed), flush=True)
            last = status
