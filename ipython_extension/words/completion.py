"""Completions after ``%qs``. They use names that this session already knows, because completion sends no requests."""

import ast
import inspect
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bluesky_qs.api import METHODS
from bluesky_qs.plans.model import ABILITIES
from bluesky_qs.startup.find import ipython_folder, shipped_profiles
from bluesky_qs.words.forms import QSERVER
from bluesky_qs.words.planexpr import plan_text
from bluesky_qs.words.scanner import Token, TokenKind, scan
from ipython_extension.session.session import Session
from ipython_extension.typed import times
from ipython_extension.words import dispatch  # noqa: F401 - importing it fills the table of commands
from ipython_extension.words.helptext import ALSO
from ipython_extension.words.vocabulary import CELLS, WORDS


class Offer(NamedTuple):
    """One completion: the text that replaces the fragment, and its kind."""

    text: str
    kind: str


class Offers(NamedTuple):
    """Completions, and the end of the text that they replace."""

    fragment: str
    offers: list[Offer]


def offers_for(text: str, session: Session) -> Offers | None:
    """Completions at the end of a text; None if it is not a line or cell of ``%qs``."""
    if cell := _CELL.match(text):
        return _in_cell(cell["rest"], session)
    line = _LINE.match(text.rpartition("\n")[2])
    return _in_line(line["rest"], session) if line else None


class _At(NamedTuple):
    """Where the cursor is: after a command and the text that follows it."""

    session: Session
    typed: str
    fragment: str

    def previous(self) -> list[str]:
        """The words before the fragment."""
        return [word.text for word in scan(self.typed[: len(self.typed) - len(self.fragment)]).words()]


_LINE = re.compile(r"\s*(?:[\w\s,.\[\]'\"]*=\s*)?%qs\s+(?P<rest>.*)", re.DOTALL)
_CELL = re.compile(r"\s*%%qs\s+(?P<rest>.*)", re.DOTALL)
_FRAGMENT = re.compile(r"[^\s=]*$")
_NAME = re.compile(r"[\w.$]*$")
#: An option in a usage line, and its value.
_OPTION = re.compile(r"(--?[a-z][a-z-]*)(?: ([A-Z]+)(?:=[A-Z]+…)?)?")


def _in_cell(rest: str, session: Session) -> Offers | None:
    first, newline, body = rest.partition("\n")
    if newline:
        return _plan(_At(session, body, "")) if first.split()[:1] == ["add"] else None
    word, blank, typed = rest.partition(" ")
    if not blank:
        return _fitting(word, (Offer(name, "word") for name in CELLS))
    if word not in CELLS:
        return None
    at = _At(session, typed, _end(_FRAGMENT, typed))
    return _option(CELLS[word].usage, at) or _options(CELLS[word].usage, at)


def _in_line(rest: str, session: Session) -> Offers:
    fragment = _end(_FRAGMENT, rest)
    words = [word.text for word in scan(rest[: len(rest) - len(fragment)]).words()]
    if not words:
        return _first_words(fragment)
    following = [Offer(word, "word") for word in QSERVER.next_words(words)]
    word = words[0]
    if word == "help":
        return _fitting(fragment, (Offer(name, "word") for name in WORDS)) if len(words) == 1 else Offers(fragment, [])
    if word == "call":
        return _call(words, fragment)
    if word not in WORDS:
        return _fitting(fragment, following)
    at = _At(session, rest.partition(word)[2], fragment)
    offers = _word(word, at)
    own = {each.text for each in offers.offers}
    others = [each for each in following if each.text.startswith(fragment) and each.text not in own]
    return Offers(offers.fragment, [*offers.offers, *others])


def _first_words(fragment: str) -> Offers:
    """The prompt's own commands; the first words of ``qserver`` only if what is typed fits none of them."""
    offers = _fitting(fragment, (Offer(name, "word") for name in sorted([*WORDS, *ALSO, "help"])))
    if offers.offers:
        return offers
    return _fitting(fragment, (Offer(name, "word") for name in sorted(form.words[0] for form in QSERVER.forms)))


def _word(word: str, at: _At) -> Offers:
    usage = WORDS[word].usage
    previous = at.previous()
    if (name := _end(_NAME, at.typed)).startswith("$"):
        return _fitting(name, _variables(at.session, lead="$"))
    if offers := _option(usage, at):
        return offers
    if word in _SPECIAL:
        return _SPECIAL[word](at, previous)
    if "PLAN" in usage:
        return _plan(at)
    plain = _OPTION.sub("", usage)
    offers = [Offer(literal, "word") for literal in re.findall(r"(?<![A-Za-z])[a-z][a-z_]*\b", plain)]
    for kind in dict.fromkeys(re.findall(r"[A-Z]+", plain)):
        offers += _KINDS[kind](at) if kind in _KINDS else []
    return _fitting(at.fragment, offers)


def _option(usage: str, at: _At) -> Offers | None:
    """Options, or values of the option that is being typed; None if neither is."""
    if at.fragment.startswith("-"):
        return _options(usage, at)
    kind = _value_of_option(usage, at.previous())
    return _fitting(at.fragment, _KINDS[kind](at)) if kind in _KINDS else None


def _value_of_option(usage: str, previous: list[str]) -> str:
    """The kind of value that the last option still takes, such as ``ID``; empty if it takes none."""
    kinds = dict(_OPTION.findall(usage))
    for typed in reversed(previous):
        if typed in kinds:
            return kinds[typed] if typed == previous[-1] or kinds[typed] == "KEY" else ""
        if "=" not in typed:
            break
    return ""


def _options(usage: str, at: _At) -> Offers:
    return _fitting(at.fragment, (Offer(option, value.lower() or "option") for option, value in _OPTION.findall(usage)))


# --------------------------------------------------------------------------------------------------- kinds of words
def _ids(at: _At) -> Iterator[Offer]:
    """Positions in the last table if nothing is typed, or else uids; each with its plan."""
    known = at.session.at_hand()
    for position, item in at.session.shown().items():
        plan = plan_text(item, known)
        yield Offer(item["item_uid"] if at.fragment else str(position), plan)


def _plans_and_devices(at: _At) -> Iterator[Offer]:
    known = at.session.at_hand()
    parent, dot, _ = at.fragment.rpartition(".")
    if dot:
        yield from (Offer(f"{parent}.{name}", "device") for name in sorted(_subdevices(known.devices, parent)))
        return
    yield from (Offer(name, "plan") for name in sorted(known.plans))
    yield from (Offer(name, "device") for name in sorted(known.devices))


def _profiles(_at: _At) -> Iterator[Offer]:
    for folder in (ipython_folder(), shipped_profiles()):
        for startup in folder.glob("profile_*/startup"):
            yield Offer(startup.parent.name.removeprefix("profile_"), "profile")


def _of_plans(at: _At) -> Iterator[Offer]:
    yield from (Offer(name, "plan") for name in sorted(at.session.at_hand().plans))


def _metadata(at: _At) -> Iterator[Offer]:
    """Keys of the metadata that this session has seen; after ``KEY=`` the values."""
    before = at.typed[: len(at.typed) - len(at.fragment)]
    key = re.split(r"\s", before)[-1].removesuffix("=") if before.endswith("=") else None
    for name, value in at.session.metadata():
        if key is None:
            yield Offer(f"{name}=", "metadata")
        elif name == key and isinstance(value, str | int | float):
            yield Offer(shlex.quote(str(value)), "value")


def _fields(at: _At) -> Iterator[Offer]:
    """Fields of the runs that this session has seen; the devices if it has seen none."""
    if at.session.fields:
        yield from (Offer(name, "field") for name in at.session.fields)
        return
    yield from (Offer(name, "device") for name in sorted(at.session.at_hand().devices))


def _times(_at: _At) -> Iterator[Offer]:
    yield from (Offer(day, "time") for day in times.DAYS)


def _tables(at: _At) -> Iterator[Offer]:
    """Variables with rows: lists of dictionaries, DataFrames."""
    for name, value in sorted(at.session.settings.variables().items()):
        is_list = isinstance(value, list) and value and all(isinstance(row, dict) for row in value)
        if not name.startswith("_") and (is_list or (hasattr(value, "to_dict") and hasattr(value, "columns"))):
            yield Offer(name, "table")


def _files(at: _At) -> Iterator[Offer]:
    folder, slash, _ = at.fragment.rpartition("/")
    try:
        found = sorted(Path(f"{folder}{slash}" or ".").expanduser().iterdir())
    except OSError:
        return
    for path in found:
        if not path.name.startswith("."):
            yield Offer(f"{folder}{slash}{path.name}{'/' if path.is_dir() else ''}", "file")


_KINDS: Mapping[str, Callable[[_At], Iterable[Offer]]] = {
    "ID": _ids,
    "GLOB": _plans_and_devices,
    "PROFILE": _profiles,
    "NAME": _of_plans,
    "KEY": _metadata,
    "FIELD": _fields,
    "TIME": _times,
    "TABLE": _tables,
    "FILE": _files,
}


def _definitions(at: _At, _previous: list[str]) -> Offers:
    """For ``push``: functions, classes and values that were defined in this session."""
    variables = at.session.settings.variables()
    mine = (
        Offer(name, type(value).__name__)
        for name, value in sorted(variables.items())
        if not name.startswith("_") and name not in _OF_IPYTHON and _is_own(value)
    )
    return _fitting(at.fragment, mine)


_OF_IPYTHON = {"In", "Out", "exit", "quit", "open", "get_ipython"}


def _is_own(value: Any) -> bool:
    if isinstance(value, int | float | str | list | tuple | dict):
        return True
    return callable(value) and getattr(value, "__module__", None) == "__main__"


def _edit(at: _At, previous: list[str]) -> Offers:
    """For ``edit``: an item, then the parameters of its plan, then values; or a whole call."""
    if not previous:
        return _fitting(at.fragment, _ids(at))
    if (inside := _inside(at.typed)) and inside.name:
        return _plan(at)
    name = at.typed[: len(at.typed) - len(at.fragment)].rpartition(" ")[2]
    if name.endswith("=") or _BRACKET.search(at.typed):
        typed = re.findall(r"([^\W\d]\w*)=(?!=)", at.typed)
        parameters = _parameters_of(at.session, previous[0])
        return _value(at.session, _end(_NAME, at.typed), next((p for p in parameters if p["name"] == typed[-1]), None))
    parameters = _parameters_of(at.session, previous[0])
    return _fitting(at.fragment, (Offer(f"{each['name']}=", "parameter") for each in parameters if _is_named(each)))


def _functions(at: _At, previous: list[str]) -> Offers:
    """For ``func``: functions that may be called, and those that were pushed or called from here."""
    if previous:
        return _fitting(at.fragment, ())
    names = {*at.session.at_hand().functions, *at.session.functions}
    return _fitting(at.fragment, (Offer(f"{name}(", "function") for name in sorted(names)))


_SPECIAL: Mapping[str, Callable[[_At, list[str]], Offers]] = {
    "push": _definitions,
    "edit": _edit,
    "func": _functions,
}


def _parameters_of(session: Session, item: str) -> Sequence[Mapping[str, Any]]:
    """The parameters of a queued plan, by its position or uid."""
    shown = session.shown().items()
    named = [each for at, each in shown if str(at) == item or each["item_uid"].startswith(item)]
    plan = session.at_hand().plans.get(named[0]["name"]) or {} if named else {}
    return plan.get("parameters") or ()


_BRACKET = re.compile(r"=[\[({][^\])}]*$")


def _call(words: list[str], fragment: str) -> Offers:
    if len(words) == 1:
        return _fitting(fragment, (Offer(name, "method") for name in sorted(METHODS)))
    method = METHODS.get(words[1])
    given = {word.partition("=")[0] for word in words[2:]}
    names = [name for name in method.parameters if name not in given] if method else []
    return _fitting(fragment, (Offer(f"{name}=", "parameter") for name in names))


# ------------------------------------------------------------------------------------------------------------ plans
class _Inside(NamedTuple):
    """The call that the cursor is in."""

    name: str
    #: The brackets that are open, outermost first, each with what has been typed in it.
    open: list[Token]


def _plan(at: _At) -> Offers:
    """Plan names; inside the brackets of a call its parameters, devices and plans; variables after ``$``."""
    inside = _inside(at.typed)
    fragment = _end(_NAME, at.typed)
    if inside is None:
        fragment = _end(_FRAGMENT, at.typed)
        return _fitting(fragment, [*_of_plans(at), Offer("queue_stop", "instruction")])
    innermost = inside.open[-1].text
    if fragment.startswith("$") or (innermost.startswith("{") and ":" not in innermost):
        lead = fragment[:1] if fragment.startswith("$") else ""
        return _fitting(fragment, _variables(at.session, lead=lead))
    plan = at.session.at_hand().plans.get(inside.name) or {}
    arguments = _split(inside.open[0])
    last = arguments[-1].lstrip() if arguments else ""
    parameter = _parameter(plan, arguments, last)
    offers = _value(at.session, fragment, parameter)
    if len(inside.open) == 1 and last == fragment and "." not in fragment:
        given = {name for argument in arguments for name in re.findall(r"^\s*(\w+)\s*=", argument)}
        taken = {each["name"] for each in _positional(plan)[: len(arguments) - 1 - len(given)]}
        names = [each["name"] for each in plan.get("parameters") or () if _is_named(each)]
        named = [Offer(f"{name}=", "parameter") for name in names if name not in given | taken]
        return Offers(fragment, [*_fitting(fragment, named).offers, *offers.offers])
    return offers


def _variables(session: Session, *, lead: str) -> Iterator[Offer]:
    """The variables of this session whose value can be sent to the service."""
    for name, value in sorted(session.settings.variables().items()):
        if _is_data(name, value):
            yield Offer(lead + name, type(value).__name__)


def _inside(typed: str) -> _Inside | None:
    """The call that is open at the end of a text; None outside of calls, and in strings."""
    tokens = scan(typed).tokens
    opened: list[Token] = []
    name = ""
    while tokens and not (last := tokens[-1]).is_closed:
        if last.kind is TokenKind.QUOTED:
            return None
        if not opened or (name == "RE" and len(opened) == 1 and last.text[0] == "("):
            opened = []
            name = _end(_NAME, typed[: last.start].rstrip())
        opened.append(last)
        tokens = last.inner
    return _Inside(name, opened) if opened else None


def _split(bracket: Token) -> list[str]:
    """Split the arguments of a call at commas; the contents of inner brackets are left out."""
    parts = [""]
    end = bracket.start + 1
    for token in bracket.inner:
        parts[-1] += " " * (token.start - end)
        if token.kind is TokenKind.SEPARATOR:
            parts.append("")
        else:
            parts[-1] += token.text if token.kind is not TokenKind.BRACKETS else ")" if token.is_closed else ""
        end = token.end
    parts[-1] += " " * (bracket.end - end)
    return parts


def _parameter(plan: Mapping[str, Any], arguments: list[str], last: str) -> Mapping[str, Any] | None:
    """The parameter whose value is being typed."""
    parameters = {each["name"]: each for each in plan.get("parameters") or ()}
    if named := re.match(r"(\w+)\s*=", last):
        return parameters.get(named[1])
    places = _positional(plan)
    if len(arguments) <= len(places):
        return places[len(arguments) - 1]
    return next((each for each in parameters.values() if _kind(each) == "VAR_POSITIONAL"), None)


def _value(session: Session, fragment: str, parameter: Mapping[str, Any] | None) -> Offers:
    """Devices that fit the parameter; after a dot their subdevices."""
    known = session.at_hand()
    parent, dot, beginning = fragment.rpartition(".")
    if dot:
        inner = _subdevices(known.devices, parent)
        return Offers(
            fragment, [Offer(f"{parent}.{name}", "device") for name in sorted(inner) if name.startswith(beginning)]
        )
    annotation = (parameter or {}).get("annotation") or {}
    listed = [
        name for group in ("devices", "plans") for names in (annotation.get(group) or {}).values() for name in names
    ]
    choices = _choices(annotation)
    if listed or choices:
        fitting = [Offer(text, "value") for text in choices if text.strip("'").startswith(fragment)]
        return Offers(fragment, [*_fitting(fragment, (Offer(name, "value") for name in listed)).offers, *fitting])
    type_text = str(annotation.get("type", ""))
    if type_text and set(_WORD.findall(type_text)) <= _OF_NUMBERS:
        return Offers(fragment, [])
    wanted = [ability for mark, ability in ABILITIES.items() if mark in type_text]
    fitting = {n: d for n, d in sorted(known.devices.items()) if all((d or {}).get(ability) for ability in wanted)}
    offers = [Offer(name, "device") for name in fitting or sorted(known.devices)]
    plans = [] if wanted else [Offer(name, "plan") for name in sorted(known.plans)]
    return _fitting(fragment, [*offers, *plans])


def _choices(annotation: Mapping[str, Any]) -> list[str]:
    """The values of a type that has few: ``Literal``, enumerations, ``bool``."""
    enums = [repr(name) for names in (annotation.get("enums") or {}).values() for name in names]
    try:
        tree = ast.parse(str(annotation.get("type", "")), mode="eval")
    except (SyntaxError, ValueError, RecursionError):
        return enums
    values: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).rpartition(".")[2] == "Literal":
            members = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            values += [ast.unparse(member) for member in members]
        elif isinstance(node, ast.Name) and node.id == "bool":
            values += ["True", "False"]
    return list(dict.fromkeys([*enums, *values]))


#: An annotation of only these names is for numbers, not for devices.
_OF_NUMBERS = frozenset({
    "int", "float", "complex", "bool", "None", "Optional", "Union", "Iterable", "Sequence", "List", "list", "Tuple",
    "tuple", "typing", "collections", "abc",
})  # fmt: skip
_WORD = re.compile(r"\w+")


def _subdevices(devices: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    for name in path.split("."):
        devices = ((devices.get(name) or {}).get("components")) or {}
    return devices


def _positional(plan: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for each in plan.get("parameters") or () if _kind(each).startswith("POSITIONAL")]


def _is_named(parameter: Mapping[str, Any]) -> bool:
    return not _kind(parameter).startswith("VAR_") and _kind(parameter) != "POSITIONAL_ONLY"


def _kind(parameter: Mapping[str, Any]) -> str:
    return str((parameter.get("kind") or {}).get("name", ""))


def _is_data(name: str, value: Any) -> bool:
    if name.startswith("_") or name in _OF_IPYTHON or callable(value) or inspect.ismodule(value):
        return False
    return isinstance(value, int | float | str | list | tuple | dict) or hasattr(value, "tolist")


def _fitting(fragment: str, offers: Iterable[Offer]) -> Offers:
    return Offers(fragment, list({each.text: each for each in offers if each.text.startswith(fragment)}.values()))


def _end(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[0] if found else ""
