"""The existing plans and devices, those that each user group may use, and the checks of an item before it is queued.

A catalog computes each result on the first call and keeps it. When plans, devices or permissions change, a new catalog
replaces it. The returned dictionaries are shared: do not change them.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import Any

from bluesky_qs.errors import InvalidPlan
from bluesky_qs.nearest import nearest
from bluesky_qs.plans.allowed_names import ListedNames, ReachableNames, is_below
from bluesky_qs.plans.choices import Devices, every, expanded
from bluesky_qs.plans.model import PlanSpec
from bluesky_qs.plans.permissions import GroupRules, PermissionRules
from bluesky_qs.plans.signature import ItemProblem, NameWarning, Signature

Descriptions = dict[str, Any]
#: Marks a device that a group sees only because it may use some of its subdevices.
_NOT_ITSELF = {"is_readable": False, "is_movable": False, "is_flyable": False, "excluded": True}
#: Limits the warnings of one item, because every name in a long list may be wrong.
_MOST_WARNINGS = 5
_NOTHING_KNOWN = "No plans are known yet: open the environment first (%qs open)."
_NO_PLANS = "The environment has no plans. The report on its opening lists what was left out (%qs environment report)."
#: Maximum number of errors that a refusal lists in detail for one plan.
_MOST_ERRORS = 20


class Catalog:
    """Existing plans and devices, and the part of them that each user group may use.

    Methods that take a group raise `UnknownUserGroup` (“Unknown user group: 'x'”) if there is no such group.
    ``was_opened`` is true if the lists come from an environment: empty lists then mean that there is nothing.
    """

    def __init__(
        self,
        existing_plans: Descriptions,
        existing_devices: Descriptions,
        permissions: PermissionRules,
        *,
        was_opened: bool = False,
    ) -> None:
        self._was_opened = was_opened
        self.existing_plans = existing_plans
        self.existing_devices = existing_devices
        self.permissions = permissions
        self._views: dict[str, _View] = {}

    def plans_allowed(self, group: str) -> Descriptions:
        """Return the plans that the group may queue: {name: description}.

        The name lists in the descriptions contain only names that the group may use.
        """
        return self._view(group).plans_allowed()

    def devices_allowed(self, group: str) -> Descriptions:
        """Return the devices that the group may use: {name: description}, with the subdevices that it may use.

        A device that the group may not use is included if the group may use some of its subdevices. It is marked
        ``excluded`` and is neither readable, movable nor flyable.
        """
        return self._view(group).devices().tree

    def device_names(self, group: str) -> Mapping[str, None]:
        """Return the names of the devices and subdevices that the group may use; subdevice names contain dots."""
        return self._view(group).devices().names

    def plan_allowed(self, name: str, group: str) -> bool:
        """Return whether the plan exists and the group may queue it."""
        return self._view(group).plan_allowed(name)

    def function_allowed(self, name: str, group: str) -> bool:
        """Return whether the group may call functions with this name. The function need not exist."""
        return all(rules.functions.allows(name) for rules in self.permissions.rules(group))

    def signature(self, name: str, group: str) -> Signature:
        """Return the signature of the plan, compiled for the group.

        Raises
        ------
        InvalidPlan
            The plan is not allowed, or its description is invalid.
        """
        return self._view(group).signature(name)

    def check(self, item: Mapping[str, Any], group: str) -> None:
        """Refuse a plan that the group may not queue, or whose arguments are not valid.

        Raises
        ------
        InvalidPlan
            The plan is refused. The message, “Plan validation failed: …”, lists the reasons.
        """
        problems = self.problems(item, group)
        if problems:
            message = "Plan validation failed: " + "; ".join(map(str, problems[:5]))
            raise InvalidPlan(message, errors=[problem.as_finding() for problem in problems[:_MOST_ERRORS]])

    def problems(self, item: Mapping[str, Any], group: str) -> list[ItemProblem]:
        """Return all problems with a plan; empty if the group may queue it."""
        view = self._view(group)
        problems = list(_malformed(item))
        if problems:
            return problems
        name = item["name"]
        signature = view.signatures.get(name)
        if signature is None:
            if not view.plan_allowed(name):
                near = nearest(name, view.plan_names())
                return [ItemProblem(None, name, self._not_allowed(name), near)]
            try:
                signature = view.signature(name)
            except InvalidPlan as err:
                return [ItemProblem(None, name, err.message)]
        return signature.check(item.get("args") or (), item.get("kwargs") or {})

    def _not_allowed(self, name: str) -> str:
        reason = f"Plan '{name}' is not in the list of allowed plans"
        if self.existing_plans:
            return reason
        return f"{reason}. {_NO_PLANS if self._was_opened else _NOTHING_KNOWN}"

    def warnings(self, item: Mapping[str, Any], group: str) -> list[NameWarning]:
        """Return the first reasons why a plan that passed `check` is likely to fail, such as unknown names."""
        if not self.existing_devices:
            return []
        view = self._view(group)
        signature = view.signature(item["name"])
        found = signature.warnings(item.get("args") or (), item.get("kwargs") or {}, view.listed_names)
        return list(islice(found, _MOST_WARNINGS)) if found else []

    def reachable_names(self, group: str, is_reachable: Callable[[str], bool]) -> ReachableNames:
        """Return the device and plan names that the group may use, for the worker, which has the objects.

        ``is_reachable`` returns whether a name below the lists belongs to a device that the group may use.
        """
        view = self._view(group)
        return ReachableNames(
            group, view.devices(), view.plan_names(), is_below=self.is_below_the_lists, is_reachable=is_reachable
        )

    def is_below_the_lists(self, name: str) -> bool:
        """Return whether this name would be a part of an existing device whose parts are not in the lists."""
        return is_below(self.existing_devices, name)

    def unlisted_device_allowed(self, name: str, description: Descriptions, group: str) -> bool:
        """Return whether the group may use a device that is below the lists and would have this description."""
        path = tuple(name.split("."))
        return all(rules.devices.allows(path, description) for rules in self.permissions.rules(group))

    def arguments(self, item: Mapping[str, Any], group: str) -> dict[str, Any]:
        """Return the value of each parameter (given or default) of an item that passed `check`."""
        return self.signature(item["name"], group).bind(item.get("args") or (), item.get("kwargs") or {})

    def _view(self, group: str) -> "_View":
        view = self._views.get(group)
        if view is None:
            view = _View(group, self.existing_plans, self.existing_devices, self.permissions.rules(group))
            self._views[group] = view
        return view


class _View:
    """The plans and devices that one group may use."""

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
    def listed_names(self) -> ListedNames:
        return ListedNames(self._group, self.devices(), self.plan_names(), self._devices)

    def signature(self, name: str) -> Signature:
        signature = self.signatures.get(name)
        if signature is None:
            if not self.plan_allowed(name):
                raise InvalidPlan(f"Plan '{name}' is not in the list of allowed plans")
            try:
                signature = Signature(PlanSpec.from_dict(self._expanded(self._plans[name])))
            except ValueError as err:
                raise InvalidPlan(f"the description of plan '{name}' is invalid: {err}") from None
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
        """Return the description with expanded patterns, and name lists reduced to names that the group may use."""
        return expanded(plan, self.devices, self.plan_names())


def _malformed(item: Mapping[str, Any]) -> Iterator[ItemProblem]:
    name = item.get("name")
    if not isinstance(name, str) or not name:
        yield ItemProblem(
            None,
            name,
            "Plan name is not specified" if name is None else f"Plan name must be a non-empty string, not {name!r}",
        )
    args, kwargs, meta = item.get("args"), item.get("kwargs"), item.get("meta")
    if args is not None and not isinstance(args, list | tuple):
        yield ItemProblem(None, args, f"'args' must be a list, not {type(args).__name__}: {args!r}")
    if kwargs is not None and not isinstance(kwargs, dict):
        yield ItemProblem(None, kwargs, f"'kwargs' must be an object, not {type(kwargs).__name__}: {kwargs!r}")
    elif kwargs and not all(isinstance(key, str) for key in kwargs):
        yield ItemProblem(None, kwargs, "the keys of 'kwargs' must be strings")
    if meta is not None and not (
        isinstance(meta, dict) or (isinstance(meta, list | tuple) and all(isinstance(part, dict) for part in meta))
    ):
        yield ItemProblem(None, meta, f"'meta' must be an object or a list of objects, not {meta!r}")
