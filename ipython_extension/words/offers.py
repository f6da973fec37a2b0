"""The completions for each kind of word: plans, devices, positions, metadata, files."""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bluesky_qs.api.values import LEVELS
from bluesky_qs.startup.find import ipython_folder, shipped_profiles
from bluesky_qs.words.planexpr import Item
from bluesky_qs.words.plantext import plan_text
from bluesky_qs.words.scanner import scan
from bluesky_qs.words.sheet_cells import is_spreadsheet
from ipython_extension.session.session import Session
from ipython_extension.typed import times
from ipython_extension.words.helptext import ALSO
from ipython_extension.words.vocabulary import WORDS


class Offer(NamedTuple):
    """One completion: the text that replaces the fragment, and its kind."""

    text: str
    kind: str


class Offers(NamedTuple):
    """Completions, and the fragment at the end of the text that they replace."""

    fragment: str
    offers: list[Offer]


class At(NamedTuple):
    """The text before the cursor, and the fragment at its end that is to be completed."""

    session: Session
    typed: str
    fragment: str

    def previous(self) -> list[str]:
        """The words before the fragment."""
        return [word.text for word in scan(self.typed[: len(self.typed) - len(self.fragment)]).words()]


def fitting(fragment: str, offers: Iterable[Offer]) -> Offers:
    """The completions that start with the fragment, without duplicates."""
    return Offers(fragment, list({each.text: each for each in offers if each.text.startswith(fragment)}.values()))


def ids(at: At, shown: Mapping[int, Item] | None = None) -> Iterator[Offer]:
    """Positions in the last table if nothing has been typed, otherwise uids, each with its plan."""
    known = at.session.at_hand()
    for position, item in (at.session.shown() if shown is None else shown).items():
        plan = plan_text(item, known)
        yield Offer(item["item_uid"] if at.fragment else str(position), plan)


def _devices(at: At) -> Iterator[Offer]:
    known = at.session.at_hand()
    parent, dot, _ = at.fragment.rpartition(".")
    names = subdevices(known.devices, parent) if dot else known.devices
    yield from (Offer(f"{parent}{dot}{name}", "device") for name in sorted(names))


def _readable(at: At) -> Iterator[Offer]:
    """Devices that can be read; after a dot, subdevices. Devices that only group others are included."""
    known = at.session.at_hand()
    parent, dot, _ = at.fragment.rpartition(".")
    for name, device in sorted((subdevices(known.devices, parent) if dot else known.devices).items()):
        if (device or {}).get("is_readable") or (device or {}).get("components"):
            yield Offer(f"{parent}{dot}{name}", "device")


def _functions(at: At) -> Iterator[Offer]:
    yield from (Offer(name, "function") for name in sorted(at.session.at_hand().functions))


def _users(at: At) -> Iterator[Offer]:
    yield from (Offer(user, "user") for user in sorted(at.session.users()))


def _commands(_at: At) -> Iterator[Offer]:
    yield from (Offer(name, "word") for name in [*WORDS, *ALSO])


def _profiles(_at: At) -> Iterator[Offer]:
    for folder in (ipython_folder(), shipped_profiles()):
        for startup in folder.glob("profile_*/startup"):
            yield Offer(startup.parent.name.removeprefix("profile_"), "profile")


def plan_names(at: At) -> Iterator[Offer]:
    yield from (Offer(name, "plan") for name in sorted(at.session.at_hand().plans))


def _metadata(at: At) -> Iterator[Offer]:
    """Metadata keys that this session has seen; after ``KEY=``, their values."""
    before = at.typed[: len(at.typed) - len(at.fragment)]
    key = re.split(r"\s", before)[-1].removesuffix("=") if before.endswith("=") else None
    for name, value in at.session.metadata():
        if key is None:
            yield Offer(f"{name}=", "metadata")
        elif name == key and isinstance(value, str | int | float):
            yield Offer(shlex.quote(str(value)), "value")


def _times(_at: At) -> Iterator[Offer]:
    yield from (Offer(day, "time") for day in times.DAYS)


def _levels(_at: At) -> Iterator[Offer]:
    yield from (Offer(level, "level") for level in LEVELS)


def _tables(at: At) -> Iterator[Offer]:
    """Variables that contain rows (lists of dictionaries, DataFrames), and spreadsheets."""
    for name, value in sorted(at.session.settings.variables().items()):
        is_list = isinstance(value, list) and value and all(isinstance(row, dict) for row in value)
        if not name.startswith("_") and (is_list or (hasattr(value, "to_dict") and hasattr(value, "columns"))):
            yield Offer(name, "table")
    yield from (each for each in _files(at) if is_spreadsheet(each.text) or each.text.endswith("/"))


def _files(at: At) -> Iterator[Offer]:
    folder, slash, _ = at.fragment.rpartition("/")
    try:
        found = sorted(Path(f"{folder}{slash}" or ".").expanduser().iterdir())
    except OSError:
        return
    for path in found:
        if not path.name.startswith("."):
            yield Offer(f"{folder}{slash}{path.name}{'/' if path.is_dir() else ''}", "file")


#: The completions for an uppercase word in a usage line.
KINDS: Mapping[str, Callable[[At], Iterable[Offer]]] = {
    "ID": ids,
    "PROFILE": _profiles,
    "NAME": plan_names,
    "KEY": _metadata,
    "TIME": _times,
    "LEVEL": _levels,
    "TABLE": _tables,
    "FILE": _files,
    "USER": _users,
    "DEVICE": _readable,
}
#: The completions for commands that take a single word.
ONLY: Mapping[str, Callable[[At], Iterable[Offer]]] = {
    "plans": plan_names,
    "devices": _devices,
    "functions": _functions,
    "help": _commands,
}


def subdevices(devices: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """A device's components by name, as described in the device list."""
    for name in path.split("."):
        devices = ((devices.get(name) or {}).get("components")) or {}
    return devices
