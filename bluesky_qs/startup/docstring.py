"""Reads the descriptions of a plan and its parameters from a docstring in NumPy, Google or Sphinx style."""

import inspect
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from textwrap import dedent
from types import MappingProxyType
from typing import NamedTuple

_UNDERLINE = re.compile(r"\s*([-=~])\1{2,}\s*")
#: Headings of sections with parameters, in lower case.
_PARAMETERS = {
    "parameters",
    "parameter",
    "other parameters",
    "keyword arguments",
    "keyword args",
    "arguments",
    "args",
    "inputs",
    "input",
    "input parameters",
    "params",
}
#: Headings of other known sections, in lower case. Sections with unknown headings belong to the description.
_OTHERS = {
    *(
        "returns",
        "return",
        "yields",
        "yield",
        "receives",
        "raises",
        "warns",
        "warnings",
        "warning",
        "example",
        "examples",
    ),
    *("note", "notes", "references", "see also", "attributes", "methods", "todo"),
}
#: One or more names, with stars and quotes, and the text after them: ``a, b : int``, ``*args``, ``c=1``, ``d (float)``.
_NAME = r"[`'\"]*(?:\\?\*){0,2}[`'\"]*[^\W\d]\w*[`'\"]*"
_ENTRY = re.compile(rf"({_NAME}(?:\s*[,/]\s*{_NAME})*)\s*(?:=[^:]*|\([^)]*\))?\s*(?:(?::|--|-(?=\s))\s*(.*))?")
_GOOGLE = re.compile(rf"({_NAME}(?:\s*,\s*{_NAME})*)\s*(?:\([^)]*\)|\[[^\]]*\])?\s*(?::|--|-(?=\s))\s*(.*)")
_SPHINX = re.compile(
    rf":(?:(?:param|parameter|arg|argument|key|keyword)\s+(?:[^:]*\s)?({_NAME})\s*:\s*(.*)|\w[^:]*:.*)"
)
_FIELD = re.compile(r":\w+[^:`]*:(\s|$)")
#: Words that describe a type. If the text after a name also has other words, it describes the parameter.
_TYPE_WORDS = {
    *(
        "int",
        "integer",
        "float",
        "double",
        "number",
        "numeric",
        "scalar",
        "complex",
        "bool",
        "boolean",
        "str",
        "string",
    ),
    *(
        "text",
        "bytes",
        "list",
        "tuple",
        "dict",
        "dictionary",
        "set",
        "array",
        "array_like",
        "ndarray",
        "sequence",
        "func",
    ),
    *(
        "iterable",
        "iterator",
        "generator",
        "callable",
        "function",
        "object",
        "objects",
        "instance",
        "class",
        "any",
        "none",
    ),
    *(
        "true",
        "false",
        "optional",
        "default",
        "defaults",
        "to",
        "shape",
        "of",
        "or",
        "and",
        "device",
        "devices",
        "path",
    ),
    *(
        "readable",
        "readables",
        "movable",
        "movables",
        "flyer",
        "flyers",
        "motor",
        "motors",
        "signal",
        "signals",
        "enum",
    ),
    *("detector", "detectors", "plan", "plans"),
}
_NOT_WORDS = re.compile(r"'[^']*'|\"[^\"]*\"|\{[^}]*\}|\[[^\]]*\]|\([^)]*\)|default\W+\S+")
_WORD = re.compile(r"[^\W\d][\w.]*")


class Docstring(NamedTuple):
    """The text without the parameters, and the parameter descriptions."""

    description: str
    parameters: Mapping[str, str]


class _Section(NamedTuple):
    """A part of a docstring: the numbers of its first line, of the first line of its body, and of the line after it."""

    heading: str
    start: int
    body: int
    end: int
    google: bool


@lru_cache(maxsize=4096)  # an update of the lists reads the same docstrings again
def read(docstring: str | None) -> Docstring:
    """Read a docstring. The description is the text outside sections such as parameters, results or notes."""
    if not docstring:
        return Docstring("", MappingProxyType({}))
    lines = inspect.cleandoc(docstring.replace("\r\n", "\n")).split("\n")
    fields = next((place for place, line in enumerate(lines) if _FIELD.match(line.strip())), len(lines))
    sections = list(_sections(lines))
    parameters: dict[str, str] = {}
    for section in sections:
        if section.heading in _PARAMETERS:
            parameters |= dict(_entries(lines[section.body : section.end], _GOOGLE if section.google else _ENTRY))
    parameters |= dict(_entries(lines[fields:], _SPHINX))
    return Docstring(_description(lines[:fields], sections), MappingProxyType(parameters))


def _sections(lines: list[str]) -> Iterator[_Section]:
    found: list[_Section] = []
    for place, line in enumerate(lines):
        title = line.strip().rstrip(":").strip().lower()
        # Indented lines below a parameter belong to it.
        inside = (
            found and found[-1].heading in _PARAMETERS and _indentation(line) > _indentation(lines[found[-1].start])
        )
        if not title or inside:
            continue
        under = _underline_of(lines, place, title)
        if under:
            found.append(_Section(title, place, under + 1, len(lines), google=False))
        elif (
            line.strip().endswith(":")
            # In the other style, ``args :`` is a parameter name.
            and not (found and not found[-1].google)
            and title in _PARAMETERS | _OTHERS
        ):
            end = _end_of_indented(lines, place)
            if end > place + 1:
                found.append(_Section(title, place, place + 1, end, google=True))
    starts = [*(section.start for section in found[1:]), len(lines)]
    for section, following in zip(found, starts, strict=False):
        yield section._replace(end=min(section.end, following))


def _underline_of(lines: list[str], place: int, title: str) -> int:
    """Return the number of the line that underlines a heading, or 0. A known heading may be followed by blank lines."""
    under = place + 1
    while title in _PARAMETERS and under < len(lines) and not lines[under].strip():
        under += 1
    is_underlined = under < len(lines) and _UNDERLINE.fullmatch(lines[under]) and not _UNDERLINE.fullmatch(lines[place])
    return under if is_underlined else 0


def _end_of_indented(lines: list[str], place: int) -> int:
    """Return the number of the first following line that is not indented more than this one."""
    level = _indentation(lines[place])
    below = range(place + 1, len(lines))
    return next((each for each in below if lines[each].strip() and _indentation(lines[each]) <= level), len(lines))


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _description(lines: list[str], sections: list[_Section]) -> str:
    """Return the text without the known sections."""
    known = [section for section in sections if section.heading in _PARAMETERS | _OTHERS]
    kept = [line for place, line in enumerate(lines) if not any(each.start <= place < each.end for each in known)]
    return "\n".join(kept).strip()


def _entries(lines: list[str], pattern: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Yield the names and descriptions of the parameters in a section, which may be indented as a whole."""
    found: re.Match[str] | None = None
    body: list[str] = []
    for line in [*dedent("\n".join(lines)).split("\n"), None]:
        entry = None if line is None or line[:1].isspace() else pattern.fullmatch(line.rstrip())
        if line is not None and entry is None:
            body.append(line)
            continue
        if found is not None and found[1]:
            beside = "" if pattern is _ENTRY and _is_type(found[2] or "") else found[2]
            text = "\n".join(filter(None, [beside, dedent("\n".join(body)).strip()]))
            yield from ((name.strip("`'\"*\\ "), text) for name in re.split("[,/]", found[1]) if text)
        found, body = entry, []


def _is_type(text: str) -> bool:
    """Return whether the text after a name is only the parameter's type."""
    words = _WORD.findall(_NOT_WORDS.sub(" ", text))
    return len(words) <= 1 or all(
        word.lower() in _TYPE_WORDS or "." in word or word[1:] != word[1:].lower() for word in words
    )
