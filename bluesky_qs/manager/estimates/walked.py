"""Estimates plans from the reports of their dry runs, and adds the estimates to the reports."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bluesky_qs.foresight.estimate import Estimate, of_plan, sum_of
from bluesky_qs.foresight.learned import Learned, parameters_key
from bluesky_qs.foresight.work import Settings, Work
from bluesky_qs.wire.codec import json_text

#: Device settings, by device name.
AllSettings = Mapping[str, Settings]
#: Maximum length of the description of a problem.
_LONGEST = 500


class Walked(NamedTuple):
    """The part of a dry run's report that is kept. It is small, because a thousand of them may be kept.

    Attributes
    ----------
    data
        The plan's work as JSON text; empty if the walk found none.
    size
        Number of different waits in the work.
    settings
        Settings of the devices that the plan changed or used.
    points
        Number of points; if the walk was cut off, the number that the plan announced; None if unknown.
    reason
        Why the work is incomplete; empty if it is complete.
    starts, ends
        Positions, before and after the plan, of the devices that it moves.
    is_cut
        Whether the walk was cut off.
    ok
        Whether the plan would succeed; None if this is unknown.
    problem
        Why the plan would fail, or why this is unknown.
    """

    data: bytes
    size: int
    settings: AllSettings
    points: int | None
    reason: str
    starts: Mapping[str, Any]
    ends: Mapping[str, Any]
    is_cut: bool
    ok: bool | None
    problem: str

    def work(self, before: AllSettings) -> Work | None:
        """Return the plan's work, given these device settings before it; None if the walk found none."""
        return Work.from_json(json.loads(self.data), before) if self.data else None

    def settings_after(self, before: AllSettings) -> AllSettings:
        """Return the device settings after the plan."""
        changed = {device: {**before.get(device, {}), **settings} for device, settings in self.settings.items()}
        is_same = all(before.get(device) == settings for device, settings in changed.items())
        return before if is_same else {**before, **changed}


def split(report: bytes) -> tuple[dict[str, Any], Walked]:
    """Split the worker's report (JSON) into the keys for clients and the data for estimates."""
    found: dict[str, Any] = json.loads(report)
    work, announced, motors = found.pop("work", None), found.pop("announced", None), found["motors"]
    starts, ends = ({name: each[key] for name, each in motors.items()} for key in ("start", "end"))
    reason = _reason(found)
    return found, Walked(
        data=json_text(work) if work else b"",
        size=len(work["waits"]) if work else 0,
        settings=work["ends"] if work else {},
        points=found["points"] if not reason else announced if found["reason"] else None,
        reason=reason,
        starts=starts,
        ends=ends,
        is_cut=not found["complete"],
        ok=found["ok"],
        problem=_problem(found),
    )


def estimate(learned: Learned, plan: str, parameters: str, walked: Walked, before: AllSettings) -> Estimate:
    """Estimate a plan that was walked, given the settings ``before`` it. The other parameters are as in `of_plan`."""
    return of_plan(learned, plan, parameters, work=walked.work(before), points=walked.points, reason=walked.reason)


def with_estimates(learned: Learned, items: Sequence[Mapping[str, Any]], reports: Sequence[bytes]) -> list[bytes]:
    """Return the dry-run reports (JSON) with estimates added. The items' plans run one after the other."""
    before: AllSettings = learned.settings
    shown: list[bytes] = []
    for item, report in zip(items, reports, strict=True):
        found, walked = split(report)
        known = estimate(learned, item["name"], parameters_key(item), walked, before)
        parts = known.parts
        if parts is None and (work := walked.work(before)) is not None:
            parts = sum_of(learned, work).parts
        slept = found["estimate"]["parts"]["sleep"]
        fields = {
            **known.fields(),
            "parts": {"move": None, "trigger": None, "other": None, **(parts or {}), "sleep": slept},
        }
        shown.append(json_text({**found, "estimate": fields}))
        before = walked.settings_after(before)
    return shown


def _problem(report: Mapping[str, Any]) -> str:
    """Return the reason why the plan would fail, or why this is unknown."""
    reasons: Sequence[str] = [
        *(error["msg"] for error in report["errors"]),
        *([report["reason"]] if report["reason"] else []),
        *(f"blocked: {each['call']}" for each in report["blocked"]),
    ]
    return next(iter(reasons), "")[:_LONGEST]


def _reason(report: Mapping[str, Any]) -> str:
    """Return why the walk does not cover the whole plan; empty if it does."""
    if report["reason"]:
        return f"the dry run was cut off: {report['reason']}"
    if report["errors"]:
        return f"it would fail: {report['errors'][0]['msg'].removeprefix('Plan validation failed: ')}"
    if report["blocked"]:
        return f"a dry run does not allow {report['blocked'][0]['call']}"
    return ""
