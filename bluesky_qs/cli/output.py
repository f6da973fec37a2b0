"""How the commands print: the answer as Python text with sorted keys, under the time at which it came."""

import json
import pprint
import time
from collections.abc import Mapping
from typing import Any

#: Lists of descriptions, of which only the names are shown.
_DESCRIBED = ("plans_allowed", "devices_allowed", "plans_existing", "devices_existing")


def message(response: Mapping[str, Any]) -> str:
    """The answer for reading."""
    return f"{time.strftime('%H:%M:%S')} - MESSAGE:\n{pprint.pformat(shown(response))}"


def shown(response: Mapping[str, Any]) -> dict[str, Any]:
    """What of an answer is for reading: all but the error's class and the descriptions of plans and devices."""
    return {
        key: dict.fromkeys(value, "{...}") if key in _DESCRIBED and isinstance(value, dict) else value
        for key, value in response.items()
        if key != "error"
    }


def as_json(response: Mapping[str, Any]) -> str:
    """The answer for programs, complete."""
    return json.dumps(response, indent=2, sort_keys=True)


def as_json_line(response: Mapping[str, Any]) -> str:
    """The same in one line, for one of many."""
    return json.dumps(response, sort_keys=True)
