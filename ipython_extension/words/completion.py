"""Completions after ``%qs``. They use only names that this session knows, because completion sends no requests."""

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bluesky_qs.api import METHODS
from bluesky_qs.plans.model import ABILITIES
from bluesky_qs.words.forms import QSERVER
from bluesky_qs.words.planexpr import Item
from bluesky_qs.words.scanner import Token, TokenKind, scan
from ipython_extension.session.finding import is_position, is_uid
from ipython_extension.session.session import Session
from ipython_extension.typed.source_export import own_names
from ipython_extension.words import dispatch  # noqa: F401 - importing it fills the table of commands
from ipython_extension.words.helptext import ALSO
from ipython_extension.words.offers import KINDS, ONLY, At, Offer, Offers, fitting, ids, plan_names, subdevices
from ipython_extension.words.vocabulary import CELLS, WORDS


def offers_for(text: str, session: Session) -> Offers | None:
    """Completions at the end of a text; None if it is not a ``%qs`` line or cell."""
    if cell := _CELL.match(text):
        return _in_cell(cell["rest"], session)
    line = _LINE.match(text.rpartition("\n")[2])
    return _in_line(line["rest"], session) if line else None


_LINE = re.compile(r"\s*(?:[\w\s,.\[\]'\"]*=\s*)?%qs\s+(?P<rest>.*)", re.DOTALL)
_CELL = re.compile(r"\s*%%qs\s+(?P<rest>.*)", re.DOTALL)
_FRAGMENT = re.compile(r"[^\s=]*$")
_NAME = re.compile(r"[\w.$]*$")
#: An option in a usage line, and its value.
_OPTION = re.compile(r"(--?[a-z][a-z-]*)(?: ([A-Z]+|\d+m)(?:=[A-Z]+…)?)?")


def _in_cell(rest: str, session: Session) -> Offers | None:
    first, newline, body = rest.partition("\n")
    if newline:
        return plan_offers(At(session, body, "")) if first.split()[:1] == ["add"] else None
    word, blank, typed = rest.partition(" ")
    if not blank:
        return fitting(word, (Offer(name, "word") for name in CELLS))
    if word not in CELLS:
        return None
    at = At(session, typed, _end(_FRAGMENT, typed))
    return _option(CELLS[word].usage, at) or _options(CELLS[word].usage, at)


def _in_line(rest: str, session: Session) -> Offers:
    fragment = _end(_FRAGMENT, rest)
    words = [word.text for word in scan(rest[: len(rest) - len(fragment)]).words()]
    if not words:
        return _first_words(fragment)
    following = [Offer(word, "word") for word in QSERVER.next_words(words)]
    word = words[0]
    if word == "call":
        return _call(words, fragment)
    at = At(session, rest.partition(word)[2], fragment)
    if word in ONLY:
        return fitting(fragment, ONLY[word](at) if len(words) == 1 else ())
    if word not in WORDS:
        return fitting(fragment, following)
    offers = _word(word, at)
    own = {each.text for each in offers.offers} | (
        {"environment"} if word == "lock" else set()
    )  # it is the same as env
    others = [each for each in following if each.text.startswith(fragment) and each.text not in own]
    return Offers(offers.fragment, [*offers.offers, *others])


#: Commands whose options are offered before a dash is typed.
_OPTIONS_AT_ONCE = ("queue", "history")
#: Words of qserver for which the prompt has a short form.
_SHORTENED = {"lock": {"environment"}}


def _first_words(fragment: str) -> Offers:
    """The prompt's own commands; the first words of ``qserver`` only if none of them match."""
    offers = fitting(fragment, (Offer(name, "word") for name in sorted([*WORDS, *ALSO, "help"])))
    if offers.offers:
        return offers
    return fitting(fragment, (Offer(name, "word") for name in sorted(form.words[0] for form in QSERVER.forms)))


def _word(word: str, at: At) -> Offers:
    usage = WORDS[word].usage
    previous = at.previous()
    if (name := _end(_NAME, at.typed)).startswith("$"):
        return fitting(name, _variables(at.session, lead="$"))
    if offers := _option(usage, at):
        return offers
    if word in _SPECIAL:
        return _SPECIAL[word](at, previous)
    if "PLAN" in usage:
        return plan_offers(at)
    plain = _OPTION.sub("", usage)
    offers = [Offer(literal, "word") for literal in re.findall(r"(?<![A-Za-z])[a-z][a-z_]*\b", plain)]
    for kind in dict.fromkeys(re.findall(r"[A-Z]+", plain)):
        offers += KINDS[kind](at) if kind in KINDS else []
    # For commands that take options before anything else, offer the options at once.
    options = _options(usage, at).offers if word in _OPTIONS_AT_ONCE and at.typed[-1:].isspace() else []
    return fitting(at.fragment, [*offers, *options])


def _option(usage: str, at: At) -> Offers | None:
    """Options, or values for the option that was typed last; None if neither is wanted here."""
    if at.fragment.startswith("-"):
        return _options(usage, at)
    kind = _value_of_option(usage, at.previous())
    return fitting(at.fragment, KINDS[kind](at) if kind in KINDS else ()) if kind else None


def _value_of_option(usage: str, previous: list[str]) -> str:
    """The kind of value that the last option still needs, such as ``ID``; empty if it needs none."""
    kinds = dict(_OPTION.findall(usage))
    for typed in reversed(previous):
        if typed in kinds:
            return kinds[typed] if typed == previous[-1] or kinds[typed] == "KEY" else ""
        if "=" not in typed:
            break
    return ""


def _options(usage: str, at: At) -> Offers:
    """The options that can still be added: each once, only one for the position in the queue, and --file only alone."""
    given = {typed.partition("=")[0] for typed in at.previous() if typed.startswith("-")}
    taken = given | (_PLACES if given & _PLACES else set()) | ({"--file"} if at.previous() else set())
    options = [(option, value) for option, value in _OPTION.findall(usage) if option not in taken]
    return fitting(at.fragment, (Offer(option, value.lower() or "option") for option, value in options))


_PLACES = {"--front", "--back", "--at", "--before", "--after"}


def _definitions(at: At, _previous: list[str]) -> Offers:
    """For ``push``: functions, classes and values that were defined in this session."""
    variables = at.session.settings.variables()
    mine = (
        Offer(name, type(value).__name__) for name in sorted(own_names(variables)) if _is_own(value := variables[name])
    )
    return fitting(at.fragment, mine)


def _is_own(value: Any) -> bool:
    if isinstance(value, int | float | str | list | tuple | dict):
        return True
    return callable(value) and getattr(value, "__module__", None) == "__main__"


def _edit(at: At, previous: list[str]) -> Offers:
    """For ``edit``: an item, then the parameters of its plan, then values; or a whole call."""
    if (inside := _inside(at.typed)) and inside.name:
        return plan_offers(at)
    return _changes(at, previous, at.session.shown())


def _redo(at: At, previous: list[str]) -> Offers:
    """For ``redo``: a history item, then the parameters of its plan, then values."""
    return _changes(at, previous, at.session.shown_history())


def _plot(at: At, previous: list[str]) -> Offers:
    """For ``plot``: a history item, then its fields; or only fields."""
    first = previous[0] if previous else ""
    seen = at.session.fields
    has_item = bool(first) and first not in seen and (is_position(first) or is_uid(first))
    fields = seen.of(at.session.uid_at_hand(first)) if has_item else seen
    items = [] if previous else ids(at, at.session.shown_history())
    return fitting(at.fragment, [*(Offer(each, "field") for each in fields if each not in previous), *items])


def _table(at: At, previous: list[str]) -> Offers:
    """For ``table``: a history item."""
    return fitting(at.fragment, [] if previous else ids(at, at.session.shown_history()))


def _changes(at: At, previous: list[str], shown: Mapping[int, Item]) -> Offers:
    if not previous:
        return fitting(at.fragment, ids(at, shown))
    name = at.typed[: len(at.typed) - len(at.fragment)].rpartition(" ")[2]
    if name.endswith("=") or _BRACKET.search(at.typed):
        typed = re.findall(r"([^\W\d]\w*)=(?!=)", at.typed)
        parameters = _parameters_of(at.session, previous[0], shown)
        return _value(at.session, _end(_NAME, at.typed), next((p for p in parameters if p["name"] == typed[-1]), None))
    parameters = _parameters_of(at.session, previous[0], shown)
    return fitting(at.fragment, (Offer(f"{each['name']}=", "parameter") for each in parameters if _is_named(each)))


def _log(at: At, _previous: list[str]) -> Offers:
    """For ``log``: plans in the history, and this session's tasks."""
    tasks = (Offer(uid, "task") for uid in reversed(at.session.tasks)) if at.fragment else ()
    return fitting(at.fragment, [*ids(at, at.session.shown_history()), *tasks])


def _move(at: At, previous: list[str]) -> Offers:
    """For ``move``: an item, then the destination, then its neighbor."""
    if len(previous) == 1:
        return fitting(at.fragment, (Offer(name, "word") for name in ("front", "back", "before", "after")))
    if not previous:
        return fitting(at.fragment, ids(at))
    moved = _chosen(previous[0], at.session.shown())
    rest = {place: item for place, item in at.session.shown().items() if place not in moved}
    return fitting(at.fragment, ids(at, rest) if previous[1:] in (["before"], ["after"]) else ())


def _mode(at: At, previous: list[str]) -> Offers:
    """For ``mode``: a mode that has not been typed yet, then on or off."""
    modes = ("loop", "ignore_failures")
    names = (
        ("on", "off") if previous[-1:] and previous[-1] in modes else [each for each in modes if each not in previous]
    )
    return fitting(at.fragment, (Offer(name, "word") for name in names))


def _functions(at: At, previous: list[str]) -> Offers:
    """For ``func``: functions that may be called; otherwise those that this session pushed or called."""
    if previous:
        return fitting(at.fragment, ())
    names = at.session.at_hand().functions or at.session.functions
    # Not "function": IPython adds brackets to functions.
    return fitting(at.fragment, (Offer(f"{name}(", "call") for name in sorted(names)))


_SPECIAL: Mapping[str, Callable[[At, list[str]], Offers]] = {
    "push": _definitions,
    "edit": _edit,
    "log": _log,
    "redo": _redo,
    "plot": _plot,
    "table": _table,
    "move": _move,
    "mode": _mode,
    "func": _functions,
}


def _parameters_of(session: Session, items: str, shown: Mapping[int, Item]) -> Sequence[Mapping[str, Any]]:
    """The parameters that all of these shown plans have. ``items`` is ``3``, ``3-7``, ``3,5`` or a uid."""
    described = [session.at_hand().plans.get(each["name"]) or {} for each in _chosen(items, shown).values()]
    found: list[Sequence[Mapping[str, Any]]] = [each.get("parameters") or () for each in described]
    if not found:
        return ()
    common = set.intersection(*({each["name"] for each in parameters} for parameters in found))
    return [each for each in found[0] if each["name"] in common]


def _chosen(items: str, shown: Mapping[int, Item]) -> dict[int, Item]:
    """The shown items that a word names: ``3``, ``3-7``, ``3,5``, ``-1`` or a uid."""
    chosen: dict[int, Item] = {}
    for part in items.split(","):
        first, dash, last = part.partition("-")
        if dash and first.isdecimal() and last.isdecimal():
            chosen.update({at: each for at, each in shown.items() if int(first) <= at <= int(last)})
        elif part == "-1" and shown:
            chosen[max(shown)] = shown[max(shown)]
        elif part:
            found = [at for at, each in shown.items() if str(at) == part or each["item_uid"].startswith(part)]
            chosen.update({at: shown[at] for at in found[:1]})
    return chosen


_BRACKET = re.compile(r"=[\[({][^\])}]*$")


def _call(words: list[str], fragment: str) -> Offers:
    if len(words) == 1:
        return fitting(fragment, (Offer(name, "method") for name in sorted(METHODS)))
    method = METHODS.get(words[1])
    given = {word.partition("=")[0] for word in words[2:]}
    names = [name for name in method.parameters if name not in given] if method else []
    return fitting(fragment, (Offer(f"{name}=", "parameter") for name in names))


# ------------------------------------------------------------------------------------------------------------ plans
class _Inside(NamedTuple):
    """The call that the cursor is in."""

    name: str
    #: The open brackets, outermost first, each with the text that has been typed in it so far.
    open: list[Token]


def plan_offers(at: At) -> Offers:
    """Plan names; inside a call's brackets, its parameters, devices and plans; after ``$``, variables."""
    inside = _inside(at.typed)
    fragment = _end(_NAME, at.typed)
    if inside is None:
        fragment = _end(_FRAGMENT, at.typed)
        return fitting(fragment, [*plan_names(at), Offer("queue_stop", "instruction")])
    innermost = inside.open[-1].text
    if fragment.startswith("$") or (innermost.startswith("{") and ":" not in innermost):
        lead = fragment[:1] if fragment.startswith("$") else ""
        return fitting(fragment, _variables(at.session, lead=lead))
    known = at.session.at_hand()
    plan = known.plans.get(inside.name) or {}
    arguments = _split(inside.open[0])
    last = arguments[-1].lstrip() if arguments else ""
    parameter = _parameter(plan, arguments, last)
    has_place = parameter is not None and not _follows_a_motor(parameter, arguments, known.devices)
    offers = _value(at.session, fragment, parameter) if has_place or not plan else Offers(fragment, [])
    if len(inside.open) == 1 and last == fragment and "." not in fragment:
        given = {name for argument in arguments for name in re.findall(r"^\s*(\w+)\s*=", argument)}
        taken = {each["name"] for each in _positional(plan)[: len(arguments) - 1 - len(given)]}
        names = [each["name"] for each in plan.get("parameters") or () if _is_named(each)]
        named = [Offer(f"{name}=", "parameter") for name in names if name not in given | taken]
        named = fitting(fragment, named).offers
        # Motors come first if they can only be passed in *args.
        is_next = parameter is not None and _kind(parameter) == "VAR_POSITIONAL"
        return Offers(fragment, [*offers.offers, *named] if is_next else [*named, *offers.offers])
    return offers


def _variables(session: Session, *, lead: str) -> Iterator[Offer]:
    """The variables of this session whose values can be sent to the service."""
    variables = session.settings.variables()
    for name in sorted(own_names(variables)):
        if _is_data(value := variables[name]):
            yield Offer(lead + name, type(value).__name__)


def _inside(typed: str) -> _Inside | None:
    """The call that contains the end of the text; None outside calls and in strings."""
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
    """Split a call's arguments at commas, omitting the contents of inner brackets."""
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
    """The parameter that is being typed."""
    parameters = {each["name"]: each for each in plan.get("parameters") or ()}
    if named := _NAMED.match(last):
        return parameters.get(named[1])
    if any(_NAMED.match(each) for each in arguments[:-1]):
        return None  # only named arguments can follow
    places = _positional(plan)
    if len(arguments) <= len(places):
        return places[len(arguments) - 1]
    return next((each for each in parameters.values() if _kind(each) == "VAR_POSITIONAL"), None)


_NAMED = re.compile(r"\s*(\w+)\s*=(?!=)")


def _follows_a_motor(parameter: Mapping[str, Any], arguments: list[str], devices: Mapping[str, Any]) -> bool:
    """Whether a position after a motor is being typed, as in ``scan([det1], motor, -1``."""
    before = arguments[-2].strip() if len(arguments) > 1 else ""
    device, *parts = before.split(".")
    for part in parts:
        devices, device = subdevices(devices, device), part
    is_motor = bool((devices.get(device) or {}).get("is_movable"))
    return is_motor and _kind(parameter) == "VAR_POSITIONAL"


def _value(session: Session, fragment: str, parameter: Mapping[str, Any] | None) -> Offers:
    """Devices that suit the parameter; after a dot, subdevices."""
    known = session.at_hand()
    parent, dot, beginning = fragment.rpartition(".")
    if dot:
        inner = subdevices(known.devices, parent)
        return Offers(
            fragment, [Offer(f"{parent}.{name}", "device") for name in sorted(inner) if name.startswith(beginning)]
        )
    annotation = (parameter or {}).get("annotation") or {}
    listed = [
        name for group in ("devices", "plans") for names in (annotation.get(group) or {}).values() for name in names
    ]
    choices = _choices(annotation)
    if listed or choices:
        beginning_so = [Offer(text, "value") for text in choices if text.strip("'").startswith(fragment)]
        return Offers(fragment, [*fitting(fragment, (Offer(name, "value") for name in listed)).offers, *beginning_so])
    type_text = str(annotation.get("type", ""))
    wanted = [ability for mark, ability in ABILITIES.items() if mark in type_text]
    if not wanted and parameter and _is_of_data(parameter, type_text):
        return Offers(fragment, [])
    if not type_text and parameter and _kind(parameter) == "VAR_POSITIONAL":
        wanted = ["is_movable"]  # assume motors with their positions, as in grid_scan
    suitable = {n: d for n, d in sorted(known.devices.items()) if all((d or {}).get(ability) for ability in wanted)}
    offers = [Offer(name, "device") for name in suitable or sorted(known.devices)]
    plans = [] if wanted else [Offer(name, "plan") for name in sorted(known.plans)]
    return fitting(fragment, [*offers, *plans])


def _is_of_data(parameter: Mapping[str, Any], type_text: str) -> bool:
    """Whether a parameter takes numbers, text or similar data, judging by its type, its default or its name."""
    if type_text:
        words = set(_WORD.findall(type_text))
        return words <= _OF_NUMBERS or bool(words & _OF_DATA)
    if parameter["name"] == "md":
        return True
    try:
        default = ast.literal_eval(str(parameter.get("default")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return isinstance(default, int | float | str | dict)


def _choices(annotation: Mapping[str, Any]) -> list[str]:
    """The values of a type that has only a few: ``Literal``, enumerations, ``bool``."""
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


#: An annotation that contains only these names is for numbers.
_OF_NUMBERS = frozenset({
    "int", "float", "complex", "bool", "None", "Optional", "Union", "Iterable", "Sequence", "List", "list", "Tuple",
    "tuple", "typing", "collections", "abc",
})  # fmt: skip
#: An annotation that contains one of these names, and does not stand for devices, is for other values.
_OF_DATA = frozenset({"str", "bytes", "dict", "Dict", "Mapping", "Hashable", "Callable", "__CALLABLE__"})
_WORD = re.compile(r"\w+")


def _positional(plan: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for each in plan.get("parameters") or () if _kind(each).startswith("POSITIONAL")]


def _is_named(parameter: Mapping[str, Any]) -> bool:
    return not _kind(parameter).startswith("VAR_") and _kind(parameter) != "POSITIONAL_ONLY"


def _kind(parameter: Mapping[str, Any]) -> str:
    return str((parameter.get("kind") or {}).get("name", ""))


def _is_data(value: Any) -> bool:
    if callable(value) or inspect.ismodule(value):
        return False
    return isinstance(value, int | float | str | list | tuple | dict) or hasattr(value, "tolist")


def _end(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[0] if found else ""
