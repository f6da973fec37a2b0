"""What exists, what each user group may use of it, and whether an item may be queued.

Everything is worked out when it is first asked for and then kept: one catalog serves until plans, devices or
permissions change. The dictionaries that it hands out are shared; nobody changes them.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import Any

from bluesky_qs.errors import InvalidPlan
from bluesky_qs.nearest import nearest
from bluesky_qs.plans.choices import Devices, every, written_out
from bluesky_qs.plans.known import DoubtfulNames, KnownNames
from bluesky_qs.plans.model import PlanSpec
from bluesky_qs.plans.permissions import GroupRules, Permissions
from bluesky_qs.plans.signature import Doubt, Problem, Signature

Descriptions = dict[str, Any]
#: How clients know a device that is there for the sake of its subdevices.
_NOT_ITSELF = {"is_readable": False, "is_movable": False, "is_flyable": False, "excluded": True}
#: A list of names may be long, and every one of them wrong.
_MOST_DOUBTS = 5
#: Errors of one plan that a refusal has in detail.
_MOST_ERRORS = 20


class Catalog:
    """Existing plans and devices seen with the eyes of each user group.

    Methods that take a group raise `UnknownUserGroup` (“Unknown user group: 'x'”) for one that does not exist.
    """

    def __init__(self, existing_plans: Descriptions, existing_devices: Descriptions, permissions: Permissions) -> None:
        self.existing_plans = existing_plans
        self.existing_devices = existing_devices
        self.permissions = permissions
        self._views: dict[str, _View] = {}

    def plans_allowed(self, group: str) -> Descriptions:
        """Plans that the group may queue: {name: description}; lists of names hold what the group may use."""
        return self._view(group).plans_allowed()

    def devices_allowed(self, group: str) -> Descriptions:
        """Devices that the group may use: {name: description}, with the subdevices that it may use.

        A device that it may not use is there for the sake of its subdevices: neither readable, movable nor flyable, and
        marked ``excluded``.
        """
        return self._view(group).devices().tree

    def device_names(self, group: str) -> Mapping[str, None]:
        """Names of the devices and subdevices (dotted) that the group may use."""
        return self._view(group).devices().names

    def plan_allowed(self, name: str, group: str) -> bool:
        """Whether the plan exists and the group may queue it."""
        return self._view(group).plan_allowed(name)

    def function_allowed(self, name: str, group: str) -> bool:
        """Whether the group may call functions of this name, which need not exist."""
        return all(rules.functions.allows(name) for rules in self.permissions.rules(group))

    def signature(self, name: str, group: str) -> Signature:
        """The plan, compiled for the group.

        Raises
        ------
        InvalidPlan
            It is not allowed, or its description cannot be read.
        """
        return self._view(group).signature(name)

    def check(self, item: Mapping[str, Any], group: str) -> None:
        """Refuse a plan that the group may not queue, or whose arguments do not fit.

        Raises
        ------
        InvalidPlan
            With the reasons in one sentence: “Plan validation failed: …”.
        """
        problems = self.problems(item, group)
        if problems:
            message = "Plan validation failed: " + "; ".join(map(str, problems[:5]))
            raise InvalidPlan(message, errors=[problem.as_finding() for problem in problems[:_MOST_ERRORS]])

    def problems(self, item: Mapping[str, Any], group: str) -> list[Problem]:
        """All that is wrong with a plan; none if the group may queue it."""
        view = self._view(group)
        problems = list(_malformed(item))
        if problems:
            return problems
        name = item["name"]
        signature = view.signatures.get(name)
        if signature is None:
            if not view.plan_allowed(name):
                near = nearest(name, view.plan_names())
                return [Problem(None, name, f"Plan '{name}' is not in the list of allowed plans", near)]
            try:
                signature = view.signature(name)
            except InvalidPlan as err:
                return [Problem(None, name, err.message)]
        return signature.check(item.get("args") or (), item.get("kwargs") or {})

    def doubts(self, item: Mapping[str, Any], group: str) -> list[Doubt]:
        """What may make a plan fail that passed `check`: the first names in it that the lists speak against."""
        if not self.existing_devices:
            return []
        view = self._view(group)
        signature = view.signature(item["name"])
        found = signature.doubts(item.get("args") or (), item.get("kwargs") or {}, view.doubtful_names)
        return list(islice(found, _MOST_DOUBTS)) if found else []

    def known_names(self, group: str) -> KnownNames:
        """The names of devices and plans that the group may use."""
        view = self._view(group)
        return KnownNames(group, view.devices(), view.plan_names())

    def arguments(self, item: Mapping[str, Any], group: str) -> dict[str, Any]:
        """Values by parameter name, as given or by default, of an item that passed `check`."""
        return self.signature(item["name"], group).bind(item.get("args") or (), item.get("kwargs") or {})

    def _view(self, group: str) -> "_View":
        view = self._views.get(group)
        if view is None:
            view = _View(group, self.existing_plans, self.existing_devices, self.permissions.rules(group))
            self._views[group] = view
        return view


class _View:
    """What one group sees."""

    def __init__(self, group: str, plans: Descriptions, devices: Descriptions, rules: tuple[GroupRules, ...]) -> None:
        self._group = group
        self._plans = plans
        self._devices = devices
        self._rules = rules
        self._plan_names: dict[str, None] | None = None
        self._plans_allowed: Descriptions | None = None
        self._devices_allowed: Devices | None = None
        self.signatures: dict[str, Signature] = {}

    def plan_allowed(self, name: str) -> bool:
        return name in self.plan_names()

    def plan_names(self) -> dict[str, None]:
        if self._plan_names is None:
            self._plan_names = {
                name: None for name in self._plans if all(rules.plans.allows(name) for rules in self._rules)
            }
        return self._plan_names

    def plans_allowed(self) -> Descriptions:
        if self._plans_allowed is None:
            self._plans_allowed = {name: self._expanded(self._plans[name]) for name in self.plan_names()}
        return self._plans_allowed

    def devices(self) -> Devices:
        if self._devices_allowed is None:
            if all(rules.devices.allows_all for rules in self._rules):
                self._devices_allowed = every(self._devices)
            else:
                names: dict[str, None] = {}
                self._devices_allowed = Devices(self._filtered(self._devices, (), names), names)
        return self._devices_allowed

    @cached_property
    def doubtful_names(self) -> DoubtfulNames:
        return DoubtfulNames(self._group, self.devices(), self.plan_names(), self._devices)

    def signature(self, name: str) -> Signature:
        signature = self.signatures.get(name)
        if signature is None:
            if not self.plan_allowed(name):
                raise InvalidPlan(f"Plan '{name}' is not in the list of allowed plans")
            try:
                signature = Signature(PlanSpec.from_dict(self._expanded(self._plans[name])))
            except ValueError as err:
                raise InvalidPlan(f"the description of plan '{name}' cannot be read: {err}") from None
            self.signatures[name] = signature
        return signature

    def _filtered(self, devices: Descriptions, above: tuple[str, ...], names: dict[str, None]) -> Descriptions:
        kept: Descriptions = {}
        for name, description in devices.items():
            path = (*above, name)
            listed = all(rules.devices.allows(path, description) for rules in self._rules)
            if listed:
                names[".".join(path)] = None
            below = description.get("components")
            components = self._filtered(below, path, names) if below else None
            if not listed and not components:
                continue
            if below and components != below:
                description = {key: value for key, value in description.items() if key != "components"}  # noqa: PLW2901
                if components:
                    description["components"] = components
            if not listed:
                description = description | _NOT_ITSELF  # noqa: PLW2901
            kept[name] = description
        return kept

    def _expanded(self, plan: Descriptions) -> Descriptions:
        """The description with each list of names cut down to what the group may use, patterns written out."""
        return written_out(plan, self.devices, self.plan_names())


def _malformed(item: Mapping[str, Any]) -> Iterator[Problem]:
    name = item.get("name")
    if not isinstance(name, str) or not name:
        yield Problem(None, name, "Plan name is not specified" if name is None else f"Plan name {name!r} is not a name")
    args, kwargs, meta = item.get("args"), item.get("kwargs"), item.get("meta")
    if args is not None and not isinstance(args, list | tuple):
        yield Problem(None, args, f"'args' is a list, not {type(args).__name__}: {args!r}")
    if kwargs is not None and not isinstance(kwargs, dict):
        yield Problem(None, kwargs, f"'kwargs' is an object, not {type(kwargs).__name__}: {kwargs!r}")
    elif kwargs and not all(isinstance(key, str) for key in kwargs):
        yield Problem(None, kwargs, "the keys of 'kwargs' are strings")
    if meta is not None and not (
        isinstance(meta, dict) or (isinstance(meta, list | tuple) and all(isinstance(part, dict) for part in meta))
    ):
        yield Problem(None, meta, f"'meta' is an object or a list of objects, not {meta!r}")
