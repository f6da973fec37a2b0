"""Views that list plans, devices and functions, or show one plan with its parameters."""

import ast
import fnmatch
import html
import re
import textwrap
from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any

from ipython_extension.shown.display import View
from ipython_extension.shown.tables import Row, Table, plural, shortened
from ipython_extension.typed.line import hint

#: Width in columns of a parameter's type.
_TYPE_WIDTH = 26
_DESCRIPTION_WIDTH = 100
#: Maximum number of characters of a default; a longer one is shortened.
_DEFAULT_WIDTH = 60
_NO_FUNCTIONS = "Your user group may not call any of the functions here (allowed_functions in its permissions)."
_NOT_OPENED = "No functions are known yet. Open the environment first (%qs open)."
#: Width in columns of a function with its parameters.
_CALL_WIDTH = 48
_DEFAULTS = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}
#: Roles such as ``:func:`name` ``, and directives such as ``.. code-block:: python``.
_ROLE = re.compile(r":[a-z][a-z:]*:`~?([^`<]*)(?:<[^`]*>)?`")
_DIRECTIVE = re.compile(r"\.\. [a-z][a-z-]*::[^\n]*")
_READABLE_TYPES = {
    "__READABLE__": "detector",
    "__MOVABLE__": "motor",
    "__FLYABLE__": "flyer",
    "__DEVICE__": "device",
    "__PLAN__": "plan",
    "__PLAN_OR_DEVICE__": "plan or device",
    "__CALLABLE__": "function",
    "typing.": "",
    "collections.abc.": "",
}


class CatalogueView(View, dict[str, Any]):
    """Plans, devices or functions by name, shown as a table."""

    def __init__(
        self, described: Mapping[str, Any], noun: str, headings: tuple[str, ...], rows: list[Row], otherwise: str
    ) -> None:
        super().__init__(described)
        self.noun = noun
        self.otherwise = otherwise
        self.table = Table(headings, rows, flexible=len(headings) - 1, wrap=True)

    @classmethod
    def of_plans(cls, plans: Mapping[str, Any], pattern: str = "*") -> "CatalogueView":
        """The plans whose names match, with the first sentence of each description."""
        chosen = {name: plans[name] for name in sorted(plans) if fnmatch.fnmatchcase(name, pattern)}
        rows = [Row((name, first_sentence(plan.get("description")))) for name, plan in chosen.items()]
        return cls(chosen, "plan", ("plan", "description"), rows, _nothing("plan", plans, pattern))

    @classmethod
    def of_devices(cls, devices: Mapping[str, Any], pattern: str = "*") -> "CatalogueView":
        """The devices whose names match; the subdevices if the pattern has a dot."""
        chosen = {name: device for name, device in _devices(devices, pattern.count(".")) if _fits(name, pattern)}
        rows = [Row((name, _abilities(device), str(device.get("classname", "")))) for name, device in chosen.items()]
        return cls(chosen, "device", ("device", "is", "class"), rows, _nothing("device", devices, pattern))

    @classmethod
    def of_functions(
        cls, functions: Mapping[str, Any], pattern: str = "*", *, is_open: bool = False
    ) -> "CatalogueView":
        """The functions whose names match, with their parameters and the first line of each docstring."""
        chosen = {name: functions[name] for name in sorted(functions) if fnmatch.fnmatchcase(name, pattern)}
        rows = [Row((_called(name, each), _plain(str(each.get("description", ""))))) for name, each in chosen.items()]
        otherwise = _nothing("function", functions, pattern) if functions else _NO_FUNCTIONS if is_open else _NOT_OPENED
        return cls(chosen, "function", ("function", "description"), rows, otherwise)

    def text(self, width: int) -> str:
        return f"{plural(len(self), self.noun)}\n{self.table.text(width)}" if self else self.otherwise

    def html(self) -> str:
        title = plural(len(self), self.noun) if self else self.otherwise
        return f"<p>{html.escape(title)}</p>{self.table.html() if self else ''}"


def _called(name: str, function: Mapping[str, Any]) -> str:
    return shortened(f"{name}{function.get('signature', '(…)')}", _CALL_WIDTH)


def _nothing(noun: str, described: Mapping[str, Any], pattern: str) -> str:
    """The message if no name matches."""
    if not described:
        return f"No {noun}s are known yet. Open the environment first (%qs open)."
    return f"No {noun} matches {pattern!r}{hint(pattern.strip('*?').lower(), described)}."


class PlanView(View, dict[str, Any]):
    """One plan: its signature, and its parameters with types, ranges, defaults and descriptions."""

    def text(self, width: int) -> str:
        lines = [textwrap.fill(signature(self), width, subsequent_indent="    ", break_on_hyphens=False)]
        if self.get("description"):
            filled = [textwrap.fill(part, min(width, _DESCRIPTION_WIDTH) - 4) for part in _paragraphs(self)]
            lines += ["", textwrap.indent("\n\n".join(filled), "    ")]
        table = self._table()
        return "\n".join([*lines, "", table.text(width)] if table.rows else lines)

    def html(self) -> str:
        description = "".join(f"<p>{html.escape(part)}</p>" for part in _paragraphs(self))
        table = self._table()
        return f"<p>{html.escape(signature(self))}</p>{description}{table.html() if table.rows else ''}"

    def _table(self) -> Table:
        rows = [_parameter_row(p) for p in self.get("parameters", [])]
        return Table(("parameter", "type", "default", "description"), rows, flexible=3, wrap=True)


def _parameter_row(parameter: Mapping[str, Any]) -> Row:
    kind, description = _type(parameter), _plain(str(parameter.get("description", "")))
    short = shortened(kind, _TYPE_WIDTH)
    if short != kind:  # for example a long list of devices: it goes into the last column, which wraps
        description = f"{description} ({kind})" if description else kind
    return Row((_starred(parameter), short, _default(parameter), description))


def signature(plan: Mapping[str, Any]) -> str:
    """``count(detectors, num=1, *, md=None)``."""
    parts = []
    starred = False
    for parameter in plan.get("parameters", []):
        kind = (parameter.get("kind") or {}).get("name")
        if kind == "KEYWORD_ONLY" and not starred:
            parts.append("*")
        starred = starred or kind in ("KEYWORD_ONLY", "VAR_POSITIONAL")
        default = f"={_short_default(parameter)}" if "default" in parameter else ""
        parts.append(f"{_starred(parameter)}{default}")
    return f"{plan.get('name')}({', '.join(parts)})"


def first_sentence(text: str | None) -> str:
    """The first sentence of a text; it may extend over several lines."""
    paragraph = _plain((text or "").strip().split("\n\n")[0])
    sentence, stop, _ = paragraph.partition(". ")
    return sentence + stop.strip()


def _paragraphs(plan: Mapping[str, Any]) -> list[str]:
    return [_plain(part) for part in str(plan.get("description", "")).split("\n\n")]


def _plain(text: str) -> str:
    """Remove reStructuredText markup from a docstring."""
    text = _ROLE.sub(r"\1", _DIRECTIVE.sub("", text)).replace("``", "")
    return " ".join(text.split()).replace(" ::", ":")


def _starred(parameter: Mapping[str, Any]) -> str:
    return _DEFAULTS.get((parameter.get("kind") or {}).get("name", ""), "") + str(parameter.get("name"))


def _default(parameter: Mapping[str, Any]) -> str:
    if "default" in parameter:
        return _shortened_default(str(parameter["default"]))
    return "" if _starred(parameter).startswith("*") else "(required)"


def _short_default(parameter: Mapping[str, Any]) -> str:
    """The default as shown in the signature; ``...`` if it is long, because the table shows its beginning."""
    text = str(parameter["default"])
    return text if len(text) <= _DEFAULT_WIDTH else "..."


def _shortened_default(text: str) -> str:
    """``[0, 1, 2, …] (5000 elements)`` for a long default."""
    if len(text) <= _DEFAULT_WIDTH:
        return text
    try:
        elements = len(ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return f"{text[: _DEFAULT_WIDTH // 2]}… ({len(text)} characters)"
    start, comma, _ = text[: _DEFAULT_WIDTH // 2].rpartition(",")
    if text[0] in "'\"" or not comma:
        return f"{text[: _DEFAULT_WIDTH // 2]}… ({elements} characters)"
    return f"{start}, …{text[-1]} ({elements} elements)"


def _type(parameter: Mapping[str, Any]) -> str:
    """The annotation in words, with the range."""
    annotation = parameter.get("annotation") or {}
    text = _readable(str(annotation.get("type", "")))
    for name, words in _READABLE_TYPES.items():
        text = text.replace(name, words)
    for group in ("devices", "plans", "enums"):
        for name, members in (annotation.get(group) or {}).items():
            text = text.replace(name, " | ".join(members))
    low, high = parameter.get("min"), parameter.get("max")
    if low is not None and high is not None:
        return f"{text} {low}…{high}".strip()
    bound = f"≥ {low}" if low is not None else f"≤ {high}" if high is not None else ""
    return f"{text} {bound}".strip()


def _readable(annotation: str) -> str:
    """``Optional[Union[A, B]]`` as ``A | B | None``."""
    try:
        return ast.unparse(_Alternatives().visit(ast.parse(annotation, mode="eval")))
    except (SyntaxError, ValueError, RecursionError):
        return annotation


class _Alternatives(ast.NodeTransformer):
    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        name = ast.unparse(node.value).rpartition(".")[2]
        if name not in ("Optional", "Union"):
            return node
        members = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if name == "Optional":
            members = [*members, ast.Constant(None)]
        return reduce(lambda left, right: ast.BinOp(left, ast.BitOr(), right), members)


def _abilities(device: Mapping[str, Any]) -> str:
    return ", ".join(word for word in ("readable", "movable", "flyable") if device.get(f"is_{word}"))


def _devices(devices: Mapping[str, Any], depth: int, prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Devices and subdevices at exactly that depth, with their dotted names."""
    for name in sorted(devices):
        device = devices[name] or {}
        if depth == 0:
            yield prefix + name, device
        else:
            yield from _devices(device.get("components") or {}, depth - 1, f"{prefix}{name}.")


def _fits(name: str, pattern: str) -> bool:
    return all(fnmatch.fnmatchcase(*pair) for pair in zip(name.split("."), pattern.split("."), strict=True))
