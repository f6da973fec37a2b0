"""The plans on a line or in a cell, and where their refused values are."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

from bluesky_qs.client.failures import RequestFailedError, failure
from bluesky_qs.words.planexpr import ExpressionError, Item, place_of
from ipython_extension.shown.tables import shortened
from ipython_extension.typed.line import Line, Options, hint

#: Maximum number of characters of a plan to quote, and of plans in a cell whose errors are listed.
_QUOTED, _MOST_LISTED = 60, 3
#: A variable inside a text: in braces, optionally with a format, or after a dollar sign.
_IN_TEXT = re.compile(r"\{([^\W\d]\w*)(?:![rsa])?(?::[^{}]*)?\}|\$([^\W\d]\w*)")
_LEAD = "Plan validation failed: "


class TypedPlan(NamedTuple):
    """A typed plan, and where it begins and ends in the text."""

    item: Item
    start: int
    end: int


def read_plans(line: Line, options: Options, *, only_one: str = "") -> tuple[list[TypedPlan], dict[str, Any]]:
    """The plans on the rest of the line, including their ``--md`` metadata, and the options.

    In a cell, ``--md`` on the first line applies to all plans, and elsewhere to the plans on its line. If only one plan
    is allowed, ``only_one`` is the message about a second plan.
    """
    plans: list[TypedPlan] = []
    given: dict[str, Any] = {}
    own: list[tuple[TypedPlan, Mapping[str, Any]]] = []
    while line.more():
        option, found = line.at, dict[str, Any]()
        if line.option({**options, "--md": None}, found):
            if "md" in found and "\n" in line.text[:option]:
                metadata = found.pop("md")
                own += [(plan, metadata) for plan in _on_its_line(line, plans, option)]
            if more := found.pop("md", None):
                given.setdefault("md", {}).update(more)
            given.update(found)
            continue
        if plans and only_one:
            raise line.fault(only_one)
        start = line.at
        _begins_plan(line, options, after_metadata=bool(own) or "md" in given)
        item = line.plan()
        plans.append(TypedPlan(item, start, line.at))
    if not plans:
        raise line.fault("Expected a plan, such as count([det1], num=5)")
    for_all = given.pop("md", None)
    for plan, metadata in [*((plan, for_all) for plan in plans if for_all), *own]:
        if plan.item["item_type"] == "plan":
            plan.item["meta"] = with_metadata(plan.item.get("meta") or {}, metadata)
    return plans, given


def _on_its_line(line: Line, plans: Sequence[TypedPlan], option: int) -> list[TypedPlan]:
    """The plans on the same line of a cell, before an option that begins at ``option``."""
    found: list[TypedPlan] = []
    end = option
    for plan in reversed(plans):
        if "\n" in line.text[plan.end : end]:
            break
        found.append(plan)
        end = plan.start
    if not found:
        message = "--md belongs after a plan (for that plan) or on the first line of the cell (for all plans)"
        raise line.fault(message, option, len("--md"))
    return found


def notes_on_text(items: Sequence[Item], variables: Mapping[str, Any]) -> list[str]:
    """Notes on texts that look as if they were meant to contain a variable of the session."""
    notes: dict[str, str] = {}
    for text in _texts([[item.get(key) for key in ("args", "kwargs", "meta")] for item in items]):
        found = next((each for each in _IN_TEXT.finditer(text) if (each[1] or each[2]) in variables), None)
        if found is not None:
            formatted = text if found[1] else text.replace(found[0], f"{{{found[2]}}}")
            notes[text] = (
                f"The text {text!r} stays as it is: {found[0] if found[2] else f'{{{found[1]}}}'} is not replaced. "
                f"For its value, use a variable: label = f{formatted!r}, then $label."
            )
    return list(notes.values())


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for each in cast("list[Any]", value):
                yield from _texts(each)
        case dict():
            yield from _texts(list(cast("dict[str, Any]", value).values()))
        case _:
            return


def _begins_plan(line: Line, options: Options, *, after_metadata: bool) -> None:
    """Raise an error about text that cannot be a plan: an unknown option, or a value without quotes."""
    word = line.text[line.at :].split()[0]
    if word.startswith("-"):
        near = hint(f"--{word.lstrip('-')}", ["--md", *options])
        raise line.fault(f"Unknown option {word}{near}", length=len(word))
    if after_metadata and not line.begins_plan() and not word.startswith("queue"):
        message = 'Unexpected text after --md. Put text with spaces in quotes: KEY="two words"'
        raise line.fault(message, length=len(word))


def with_metadata(metadata: Any, more: Mapping[str, Any]) -> Any:
    """An item's metadata, with more metadata that takes precedence.

    If there are several dictionaries, the first takes precedence.
    """
    return [dict(more), *metadata] if isinstance(metadata, list) else {**metadata, **more}


@contextmanager
def pointing_at_errors(line: Line, plans: Sequence[TypedPlan]) -> Iterator[None]:
    """In a refusal of these plans, show the plan and where the error is."""
    try:
        yield
    except RequestFailedError as error:
        raise _located(error, line, plans) from None


@contextmanager
def pointing_at_values(line: Line, places: Mapping[str, tuple[int, int]]) -> Iterator[None]:
    """In a refusal, show the line with carets under the first wrong ``NAME=VALUE``; ``places`` are their offsets."""
    try:
        yield
    except RequestFailedError as error:
        for finding in (error.response.get("errors") or ())[:1]:
            names = [finding.get("parameter"), *finding.get("path", ())[:1]]
            if place := next((places[name] for name in names if name in places), None):
                error.add_note(line.pointer(place[0], place[1] - place[0]))
        raise


def point_at_errors(error: Exception, line: Line, plan: TypedPlan, check: Mapping[str, Any]) -> None:
    """In an error, show the line with carets under this plan's first wrong value."""
    for finding in (check.get("errors") or ())[:1]:
        if "path" not in finding:  # the service is older
            return
        try:
            offset, length = place_of(line.text, plan.start, finding["path"])
        except ExpressionError:
            return
        error.add_note(line.pointer(offset, length))


def _located(error: RequestFailedError, line: Line, plans: Sequence[TypedPlan]) -> RequestFailedError:
    """The same refusal, with locations in the text instead of item numbers."""
    if "results" not in error.response:
        point_at_errors(error, line, plans[0], error.response)
        return error
    results = error.response["results"] or ()
    wrong = [(plan, result) for plan, result in zip(plans, results, strict=False) if result.get("msg")]
    if not wrong:
        return error
    lead = error.message.partition(": item ")[0]  # the rest of the message only has item numbers
    located = failure(error.request, {**error.response, "msg": f"{lead}: {_listed(line, wrong)}"})
    point_at_errors(located, line, *wrong[0])
    return located


def _listed(line: Line, wrong: Sequence[tuple[TypedPlan, Mapping[str, Any]]]) -> str:
    """The errors of the plans; in a cell, each with its line number."""
    in_cell = "\n" in line.text
    reasons = [
        f"{f'line {line.text.count(chr(10), 0, plan.start) + 1}, ' if in_cell else ''}"
        f"{shortened(line.text[plan.start : plan.end], _QUOTED)}: {str(result['msg']).removeprefix(_LEAD)}"
        for plan, result in wrong[:_MOST_LISTED]
    ]
    more = len(wrong) - len(reasons)
    return "; ".join([*reasons, f"and {more} more"] if more else reasons)
