"""Methods that read devices."""

from typing import Annotated

import msgspec

from bluesky_qs.api.method import method
from bluesky_qs.api.types import DevicesRead, UserGroup

_MaxAge = Annotated[float, msgspec.Meta(ge=0)]


@method(scope="read:monitor", requires=("user_group",), on_failure={"devices": {}})
def device_read(
    names: str | list[str] | None = None, *, user_group: UserGroup = "", max_age: _MaxAge = 0.0
) -> DevicesRead:
    """Read devices and subdevices (``stage.x``) now: values, units, time, limits, and whether they are moving.

    Without ``names``, all movable devices that the group may use are read. This works at any time, even while a plan is
    running or paused. It triggers nothing and moves nothing. A device that does not answer within 1 s gets ``error``
    and ``last``, and does not delay the others. All callers share one outstanding read per device. If the last reading
    is less than ``max_age`` seconds old, the reply has this reading instead of a new one. Clients that watch a device
    send 1, so the device is read at most once a second for all of them together.
    """
    raise NotImplementedError
