"""Reads the description of a function and its parameters from a NumPy-style docstring."""

import inspect
import re
from itertools import pairwise
from textwrap import dedent
from typing import NamedTuple

_UNDERLINE = re.compile(r"\s*(-{3,}|={3,})\s*")
_SECTIONS = {"parameters", "other parameters", "keyword arguments"}


class Docstring(NamedTuple):
    """The text before the first section, and the texts of the parameters."""

    description: str
    parameters: dict[str, str]


def read(docstring: str | None) -> Docstring:
    """Read the parts of a docstring that follow NumPy's style; ignore the others."""
    if not docstring:
        return Docstring("", {})
    lines = inspect.cleandoc(docstring.replace("\r\n", "\n")).split("\n")
    sections = [place for place in range(len(lines) - 1) if lines[place].strip() and _underlines(lines, place)]
    description = "\n".join(lines[: sections[0]] if sections else lines).strip()
    parameters: dict[str, str] = {}
    for place, following in pairwise([*sections, len(lines)]):
        if lines[place].strip().lower() in _SECTIONS:
            parameters.update(_parameters(lines[place + 2 : following]))
    return Docstring(description, parameters)


def _underlines(lines: list[str], place: int) -> bool:
    return bool(_UNDERLINE.fullmatch(lines[place + 1]))


def _parameters(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    names: list[str] = []
    text: list[str] = []
    # A section may be indented as a whole.
    for line in [*dedent("\n".join(lines)).split("\n"), "end"]:
        if not line.strip() or line[0].isspace():
            text.append(line)
            continue
        described = dedent("\n".join(text)).strip()
        if described:
            found.update(dict.fromkeys(names, described))
        text = []
        names = [name.strip().lstrip("*").strip("`") for name in line.partition(":")[0].split(",")]
    return found
