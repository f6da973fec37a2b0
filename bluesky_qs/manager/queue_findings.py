"""Dry runs of plans as they enter the queue, if the service is set to make them, and what they have found."""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from bluesky_qs.api.values import DryRunFinding
from bluesky_qs.errors import QSError
from bluesky_qs.manager.dry_runs import FOR_EACH, DryRuns
from bluesky_qs.manager.environment import Environment
from bluesky_qs.manager.events import DryRunFound
from bluesky_qs.manager.state import Lifecycle
from bluesky_qs.plan_queue.events import Event
from bluesky_qs.plan_queue.queue import PlanQueue

logger = logging.getLogger(__name__)

#: Plans at the front of the queue that are walked.
_MOST = 1000
#: So many findings of items that are no longer queued may be kept.
_SLACK = 1000
#: Seconds after which a walk is tried again that the worker has refused.
_AGAIN = 30.0
#: Longest text of a finding.
_LONGEST = 500


class _Found(NamedTuple):
    """The findings for one item, and the positions after it (None for an item without a dry run)."""

    finding: DryRunFinding | None
    carried: bytes | None


class QueueFindings:
    """Walks each plan once, when it has entered the queue or was changed, and the environment is open.

    A plan begins where the one before it in the queue leaves the devices; the first one where they are now.

    Attributes
    ----------
    uid
        It changes with each finding; None without any.
    """

    def __init__(
        self,
        queue: PlanQueue,
        environment: Environment,
        lifecycle: Lifecycle,
        dry_runs: DryRuns,
        *,
        permissions: Callable[[], bytes],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        happened: Callable[[Event], object],
        changed: Callable[[], None],
    ) -> None:
        self._queue = queue
        self._environment = environment
        self._lifecycle = lifecycle
        self._dry_runs = dry_runs
        self._permissions = permissions
        self._spawn = spawn
        self._happened = happened
        self._changed = changed
        self._is_walking = False
        #: The state in which nothing was left to do, or the worker has refused.
        self._rested: object = None
        #: By the item's JSON text, so that a changed item is walked again.
        self._found: dict[bytes, _Found] = {}
        self.uid: str | None = None

    def of(self, uid: str) -> DryRunFinding | None:
        """The findings for a queued item; None if it had no dry run."""
        if self.uid is None or self._queue.position_of(uid) is None:
            return None
        found = self._found.get(self._queue.item_json(uid=uid))
        return found.finding if found else None

    def forget(self) -> None:
        """Walk all plans again, because the environment is a new one."""
        self._found.clear()
        self.uid = self._rested = None
        self._changed()

    def look(self) -> None:
        """Begin to walk plans if there are any and the worker may be able to. It is called after each change."""
        if self._is_walking or self._state() == self._rested:
            return
        if self._environment.is_open and self._environment.state.engine is not None:
            self._is_walking = True
            self._spawn(self._walk())

    def _state(self) -> object:
        return (self._queue.queue_uid, self._lifecycle.state, self._environment.is_open)

    async def _walk(self) -> None:
        state = self._state()
        try:
            while (todo := self._next()) is not None:
                state = self._state()
                data, carried = todo
                await self._walk_one(data, carried)
        except QSError as error:
            logger.debug("No dry run of a queued plan: %s", error.message)
            asyncio.get_running_loop().call_later(_AGAIN, self._try_again)
        finally:
            self._rested = state
            self._is_walking = False
            if self._state() != state:  # something has changed meanwhile
                self._changed()

    def _try_again(self) -> None:
        self._rested = None
        self.look()

    def _next(self) -> tuple[bytes, bytes] | None:
        """The first queued plan that was not walked, and where devices are before it."""
        items = self._queue.items_json()
        if len(self._found) > len(items) + _SLACK:
            self._found = {data: self._found[data] for data in items if data in self._found}
        carried = b"{}"
        for data in items[:_MOST]:
            found = self._found.get(data)
            if found is None and json.loads(data)["item_type"] != "plan":
                found = self._found[data] = _Found(None, None)
            if found is None:
                return data, carried
            carried = found.carried or carried
        return None

    async def _walk_one(self, data: bytes, carried: bytes) -> None:
        item = json.loads(data)
        walked = await self._dry_runs.walk([item], self._permissions(), FOR_EACH, carried=carried)
        finding = _finding(json.loads(walked.reports[0]))
        self._found[data] = _Found(finding, walked.carried)
        self.uid = str(uuid4())
        if self._queue.position_of(item["item_uid"]) is not None:
            self._happened(DryRunFound(item_uid=item["item_uid"], ok=finding["ok"], msg=finding["msg"]))
        self._changed()


def _finding(report: dict[str, Any]) -> DryRunFinding:
    """The answer to whether the plan would fail, in one sentence."""
    reasons: Sequence[str] = [
        *(error["msg"] for error in report["errors"]),
        *([report["reason"]] if report["reason"] else []),
        *(f"blocked: {each['call']}" for each in report["blocked"]),
    ]
    return {"ok": report["ok"], "msg": next(iter(reasons), "")[:_LONGEST]}
