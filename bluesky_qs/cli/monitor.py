"""``qserver monitor``: prints the status, then every change."""

from collections.abc import Mapping
from typing import Any

from bluesky_qs.cli import output
from bluesky_qs.client.info import StatusFeed
from bluesky_qs.client.sync import REManagerAPI

#: Seconds to wait for the next message. This limits how late Ctrl-C takes effect.
_PATIENCE = 1.0
#: Keys that change with every status and do not matter to a reader.
_NOISE = ("time", "status_uid")


def follow(manager: REManagerAPI, *, as_json: bool) -> None:
    """Print the status, then its changes, until interrupted."""
    try:
        _follow(manager, as_json=as_json)
    except KeyboardInterrupt:
        return  # the normal end of the command


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the new or changed keys of a status."""
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
