"""The data that the page shows about a typed plan: the item to queue, or errors with their places."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from bluesky_qs.words.planexpr import names_at, place_of, plan_at
from bluesky_qs.words.scanner import ExpressionError


def parsed_plan(text: str, paths: Iterable[Sequence[int | str]] = ()) -> dict[str, Any]:
    """Read a plan that is written as in ``RE(…)``.

    ``paths`` are the paths of values in the item, as in the errors of ``item_check``. The reply has the place of each
    value.
    """
    try:
        found = _whole_plan(text)
    except ExpressionError as error:
        place = {"msg": _without_variables(error.message), "column": error.offset, "length": error.length}
        return {"success": False, "msg": place["msg"], "item": None, "errors": [place]}
    names = [{"name": each.name, "column": each.offset, "length": each.length} for each in names_at(text, _start(text))]
    places = [_place(text, path) for path in paths]
    reply = {"success": True, "msg": "", "item": found, "errors": [], "names": names}
    return {**reply, **({"places": places} if places else {})}


def _start(text: str) -> int:
    """The offset of the plan, which may have blanks before it."""
    return len(text) - len(text.lstrip())


def _whole_plan(text: str) -> dict[str, Any]:
    start = _start(text)
    found, end = plan_at(text, start, objection=lambda _name: None)
    if rest := text[end:].strip():
        raise ExpressionError("Unexpected text after the plan", text, text.index(rest, end), len(rest))
    try:
        json.dumps(found, allow_nan=False)
    except ValueError:
        raise ExpressionError("The plan contains infinity or NaN", text, start, end - start) from None
    return found


def _place(text: str, path: Sequence[int | str]) -> dict[str, int]:
    try:
        column, length = place_of(text, _start(text), list(path))
    except ExpressionError:  # an instruction has no arguments
        column, length = 0, len(text)
    return {"column": column, "length": length}


def _without_variables(message: str) -> str:
    """An error message without advice about variables, because they exist only at the prompt."""
    if message.startswith("This session has no variable"):
        return "Only the prompt has variables: write the value"
    return message.partition(": assign the ")[0]
