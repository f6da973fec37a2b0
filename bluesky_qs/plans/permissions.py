"""The permissions: which plans, devices and functions each user group may use."""

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bluesky_qs.errors import BadParams, ConfigError, UnknownUserGroup
from bluesky_qs.plans.names import BadPattern, DeviceNames, Names, key_hint

log = logging.getLogger(__name__)

M = TypeVar("M")
FILE_NAME = "user_group_permissions.yaml"
ROOT = "root"
_LISTS = ("plans", "devices", "functions")
_KEYS = tuple(f"{verb}_{what}" for what in _LISTS for verb in ("allowed", "forbidden"))


class Rule(msgspec.Struct, frozen=True):
    """Plans (or functions) that are allowed, except for those that are forbidden."""

    allowed: Names
    forbidden: Names

    def allows(self, name: str) -> bool:
        return name in self.allowed and name not in self.forbidden


class DeviceRule(msgspec.Struct, frozen=True):
    """Devices that are allowed, except for those that are forbidden."""

    allowed: DeviceNames
    forbidden: DeviceNames

    @property
    def allows_all(self) -> bool:
        return self.allowed.all and self.forbidden.none

    def allows(self, path: tuple[str, ...], description: Mapping[str, Any]) -> bool:
        return self.allowed.match(path, description) and not self.forbidden.match(path, description)


class GroupRules(msgspec.Struct, frozen=True):
    """The rules for one group. Names must also pass the rules for ``root``."""

    plans: Rule
    devices: DeviceRule
    functions: Rule


class PermissionRules:
    """The rules for all user groups. Create them with `from_dict` or `load`."""

    def __init__(self, groups: dict[str, GroupRules], source: dict[str, Any]) -> None:
        self._rules = groups
        self._source = source

    @classmethod
    def from_dict(cls, permissions: Mapping[str, Any]) -> "PermissionRules":
        """Create rules from the content of a permissions file.

        Raises
        ------
        BadParams
            The rules are invalid. The message begins with the location: ``user_groups.admin.allowed_plans``.
        """
        groups = _mapping(permissions, "user group permissions").get("user_groups")
        _no_others(permissions, ("user_groups",), "user group permissions")
        if groups is None:
            raise BadParams("User group permissions have no 'user_groups'")
        rules = {}
        for name, lists in _mapping(groups, "user_groups").items():
            if not isinstance(name, str) or not name:
                raise BadParams(f"user_groups: a group name must be a non-empty string, not {name!r}")
            rules[name] = _group_rules(f"user_groups.{name}", {} if lists is None else lists)
        if ROOT not in rules:
            raise BadParams(f"Missing required user group: {ROOT!r}")
        return cls(rules, dict(permissions))

    @classmethod
    def load(cls, path: str | Path) -> "PermissionRules":
        """Load rules from a YAML file, or from ``user_group_permissions.yaml`` in a folder.

        Raises
        ------
        ConfigError
            The file does not exist or is invalid.
        """
        from bluesky_qs.plans.lists import read_yaml  # noqa: PLC0415 - imports yaml, which `from_dict` does not need

        file = Path(path)
        if file.is_dir():
            file = file / FILE_NAME
        try:
            content = read_yaml(file)
            if content is None:
                raise ConfigError(f"User group permissions: the file {str(file)!r} is empty")
            permissions = cls.from_dict(content)
        except FileNotFoundError:
            raise ConfigError(f"User group permissions: the file {str(file)!r} does not exist") from None
        except (OSError, ValueError, BadParams) as err:
            raise ConfigError(f"User group permissions in {str(file)!r}: {err}") from err

        for warning in permissions.warnings():
            log.warning("User group permissions in %r: %s", str(file), warning)
        return permissions

    def warnings(self) -> Iterator[str]:
        """Yield warnings about entries without a colon that are read as regular expressions, with their locations."""
        for group, rules in self._rules.items():
            for what, rule, colon in (
                ("plans", rules.plans, ":"),
                ("devices", rules.devices, ":?"),
                ("functions", rules.functions, ":"),
            ):
                for verb, names in (("allowed", rule.allowed), ("forbidden", rule.forbidden)):
                    for entry in names.bare:
                        yield (
                            f"user_groups.{group}.{verb}_{what}: {entry!r} is not a name, so it is read as a regular "
                            f"expression. Write {colon + entry!r}"
                        )

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the user groups, including ``root``."""
        return tuple(self._rules)

    def as_dict(self) -> dict[str, Any]:
        """Return the rules in the form of a permissions file."""
        return self._source

    def rules(self, group: str) -> tuple[GroupRules, ...]:
        """Return the rules that a name must pass: the rules for ``root``, then the rules for the group.

        Raises
        ------
        UnknownUserGroup
            There is no such group.
        """
        own = self._rules.get(group) if isinstance(group, str) else None
        if own is None:
            raise UnknownUserGroup(f"Unknown user group: {group!r}")
        root = self._rules[ROOT]
        return (root,) if own is root else (root, own)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PermissionRules) and self._source == other._source

    __hash__ = None  # pyright: ignore[reportAssignmentType]


def _group_rules(place: str, lists: Any) -> GroupRules:
    _no_others(_mapping(lists, place), _KEYS, place)

    def compiled(make: Callable[..., M], key: str) -> M:
        elements = lists.get(key) or []
        if not isinstance(elements, list | tuple):
            raise BadParams(f"{place}.{key}: must be a list, not {elements!r}")
        if key.startswith("forbidden") and None in elements[:1]:
            # In a list of forbidden names, null as the first element means that nothing is forbidden.
            elements = []
        try:
            return make(list(elements), bare=True)
        except BadPattern as err:
            raise BadParams(f"{place}.{key}: {err}") from None

    return GroupRules(
        plans=Rule(compiled(Names, "allowed_plans"), compiled(Names, "forbidden_plans")),
        devices=DeviceRule(compiled(DeviceNames, "allowed_devices"), compiled(DeviceNames, "forbidden_devices")),
        functions=Rule(compiled(Names, "allowed_functions"), compiled(Names, "forbidden_functions")),
    )


def _mapping(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadParams(f"{place}: must be an object, not {value!r}")
    return value


def _no_others(value: Mapping[str, Any], known: tuple[str, ...], place: str) -> None:
    for key in value:
        if key not in known:
            hint = key_hint(key, known)
            raise BadParams(f"{place}: unknown key {key!r}{hint}")
