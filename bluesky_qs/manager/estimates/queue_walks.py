"""Walks the plans at the front of the queue. A walk is repeated only if there is a reason."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from bluesky_qs.errors import QSError
from bluesky_qs.manager.estimates.dry_run_requests import FOR_EACH, DryRunRequests
from bluesky_qs.manager.estimates.walk_cache import Planned, StartPositions, WalkCache
from bluesky_qs.manager.estimates.walked import AllSettings, Walked, split
from bluesky_qs.manager.loop.slices import Slices
from bluesky_qs.wire.codec import json_text

#: Maximum number of items to walk, and maximum number of different waits in all walks together.
MOST_WALKED, _LARGEST = 1000, 100_000
#: Maximum number of items in one request to the worker.
_PER_REQUEST = 30
#: Seconds of walking in one round. The next round continues where this one ended.
_PER_ROUND = 2.0
# : After user code has run, the walks are renewed after this multiple of the time that they took, or at most this
# number of seconds.
_REST, _LONGEST_REST = 3.0, 60.0
#: Seconds until the next request after a refusal: the first delay and the longest. The delay doubles each time.
_FIRST_DELAY, _LONGEST_DELAY = 2.0, 300.0


class Found(NamedTuple):
    """The walks by uid, and how far the queue was walked.

    Attributes
    ----------
    reached
        Number of items covered from the front, including items without a walk.
    is_whole
        Whether nothing is left to walk.
    """

    walks: dict[str, Walked]
    reached: int
    is_whole: bool


class QueueWalks:
    """Walks plans, and keeps their walks until user code has run.

    Attributes
    ----------
    refusal
        Why plans cannot be walked at present; empty if they can.
    """

    def __init__(self, dry_runs: DryRunRequests, permissions: Callable[[], bytes]) -> None:
        self._dry_runs = dry_runs
        self._permissions = permissions
        self._cache = WalkCache()
        self._present: dict[str, Any] = {}
        #: Whether user code has run since the walks were made; how many seconds the walks took, and when they ended.
        self._is_outdated = False
        self._spent = self._ended = 0.0
        self._delay, self._not_before = _FIRST_DELAY, 0.0
        self.refusal = ""

    # -------------------------------------------------------------------------------------------------- what happens
    def forget(self) -> None:
        """Drop all walks, because the environment is new."""
        self._cache.clear()
        self._present.clear()
        self._is_outdated, self._spent = False, 0.0
        self._ask_soon()

    def outdate(self) -> None:
        """Mark the walks as outdated, because user code may have changed plans or moved devices. Renew them later."""
        self._is_outdated = True
        self._present.clear()
        self._ask_soon()

    def moved(self, ends: Mapping[str, Any] | None) -> None:
        """Record the device positions after a plan; None if they are unknown."""
        if ends is None:
            self._present.clear()
        else:
            self._present.update(ends)

    def _ask_soon(self) -> None:
        self._delay, self._not_before = _FIRST_DELAY, 0.0

    def later(self) -> float | None:
        """Return the seconds until plans can be walked again without a change; None if all walks are valid."""
        times = [self._ended + self._rest] if self._is_outdated else []
        if self.refusal:
            times.append(self._not_before)
        return max(min(times) - _now(), 0.0) if times else None

    @property
    def _rest(self) -> float:
        return min(_REST * self._spent, _LONGEST_REST)

    # ------------------------------------------------------------------------------------------------------- walking
    async def walk(
        self,
        items: Sequence[bytes],
        planned: Sequence[Planned],
        *,
        carried: Mapping[str, Any],
        settings: AllSettings,
        slices: Slices,
    ) -> Found:
        """Return the walks of the first items. Each walk begins with the devices as the previous one leaves them.

        ``carried`` and ``settings`` are the device positions and settings before the first item.
        """
        self._renew()
        positions = StartPositions(dict(carried), self._present)
        walks: dict[str, Walked] = {}
        made: deque[Walked] = deque()
        place, size, until = 0, 0, _now() + _PER_ROUND
        last = min(len(items), MOST_WALKED)
        while place < last and size < _LARGEST:
            each, walked = planned[place], None
            if each.is_plan:
                walked = made.popleft() if made else self._cache.find(each, positions)
            if walked is not None:
                walks[each.uid] = walked
                size += walked.size
                positions.follow(walked)
                settings = walked.settings_after(settings)
            elif each.is_plan and not self.refusal:
                if _now() > until:
                    return Found(walks, place, is_whole=False)
                number = self._number(planned[place : min(place + _PER_REQUEST, last)])
                plans = [json.loads(data) for data in items[place : place + number]]
                reports = await slices.pause(self._reports(plans, positions, settings))
                made.extend(self._kept(planned[place:], reports))
                continue
            place += 1
            await slices.give_way()
        return Found(walks, place, is_whole=True)

    def _renew(self) -> None:
        """Drop walks and refusals that have expired."""
        if self._is_outdated and _now() >= self._ended + self._rest:
            self._cache.clear()
            self._is_outdated, self._spent = False, 0.0
        if _now() >= self._not_before:
            self.refusal = ""

    async def _reports(
        self, plans: Sequence[dict[str, Any]], positions: StartPositions, settings: AllSettings
    ) -> Sequence[bytes]:
        """Return the reports of the plans that the worker has walked; an empty list if it refuses.

        Dry runs that users request go first. They wait for at most `FOR_EACH` seconds, which all plans here share.
        """
        await self._dry_runs.until_free()
        start = json_text({"positions": positions.carried, "doubtful": [], "is_cut": False})
        began = _now()
        try:
            found = await self._dry_runs.walk(plans, self._permissions(), FOR_EACH, carried=start, settings=settings)
        except QSError as error:
            self._refused(error.message)
            return []
        finally:
            self._ended = _now()
            self._spent += self._ended - began
        if found.reached:
            self._delay = _FIRST_DELAY
        else:
            self._refused(split(found.reports[0])[1].problem)
        return found.reports[: found.reached]

    def _kept(self, planned: Sequence[Planned], reports: Sequence[bytes]) -> list[Walked]:
        """Keep the walks from these reports, and return them."""
        walks = [split(report)[1] for report in reports]
        for each, walked in zip(planned, walks, strict=False):
            self._cache.add(each, walked)
        return walks

    def _number(self, planned: Sequence[Planned]) -> int:
        """Return the number of plans for one request. It ends before a plan whose walk may already be known."""
        keys = {planned[0].key}
        for each in planned[1:]:
            if not each.is_plan or each.key in keys or self._cache.knows(each):
                break
            keys.add(each.key)
        return len(keys)

    def _refused(self, reason: str) -> None:
        self.refusal = reason
        self._not_before = _now() + self._delay
        self._delay = min(2 * self._delay, _LONGEST_DELAY)


def _now() -> float:
    return asyncio.get_running_loop().time()
