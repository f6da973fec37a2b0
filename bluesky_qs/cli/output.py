"""Formats replies as Python text with sorted keys, below the time when they arrived."""

import json
import pprint
import time
from collections.abc import Mapping
from typing import Any

#: Keys whose values are long descriptions by name. Only the names are shown.
_DESCRIBED = ("plans_allowed", "devices_allowed", "functions_allowed", "plans_existing", "devices_existing")


def message(response: Mapping[str, Any]) -> str:
    """Return the reply as text for users."""
    return f"{time.strftime('%H:%M:%S')} - MESSAGE:\n{pprint.pformat(shown(response))}"


def shown(response: Mapping[str, Any]) -> dict[str, Any]:
    """Return the reply without the error's class and without the descriptions of plans and devices."""
    return {
        key: dict.fromkeys(value, "{...}") if key in _DESCRIBED and isinstance(value, dict) else value
        for key, value in response.items()
        if key != "error"
    }


def as_json(response: Mapping[str, Any]) -> str:
    """Return the complete reply as JSON, for programs."""
    return json.dumps(response, indent=2, sort_keys=True)


def as_json_line(response: Mapping[str, Any]) -> str:
    """Return the complete reply as JSON on one line, for output with many replies."""
    return json.dumps(response, sort_keys=True)
