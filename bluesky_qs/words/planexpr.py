"""Converts plans, written as in ``RE(…)``, to queue items. The text is parsed, never evaluated."""

import ast
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from bluesky_qs.nearest import did_you_mean, nearest
from bluesky_qs.words import slips
from bluesky_qs.words.arithmetic import OPERATORS, computed, is_array, is_array_scalar
from bluesky_qs.words.parseable import MARK, has_index, parseable
from bluesky_qs.words.scanner import ExpressionError, brackets

Item = dict[str, Any]


class BareName(NamedTuple):
    """An unquoted name in the arguments of a plan, with its place in the text."""

    name: str
    offset: int
    length: int


#: Returns the reason why a bare name is not a device or plan; None if it is one.
Objection = Callable[[str], str | None]

#: The only instruction. It is written like a plan, with or without parentheses.
INSTRUCTION = "queue_stop"


def plan_at(
    text: str,
    start: int = 0,
    *,
    session: Mapping[str, Any] | None = None,
    objection: Objection | None = None,
) -> tuple[Item, int]:
    """Read the plan that begins at ``text[start]``; return its queue item and the offset where the plan ends.

    Bare names are names of devices and plans, unless ``objection`` returns a reason why one is not. With ``objection``,
    elements of a vector are names, too: ``vec.axes[1]`` is ``vec.axes.1``, as the service calls it. ``$name`` and
    ``{expression}`` are replaced with values of the variables in ``session``.

    >>> plan_at("count([det1, det2], num=10) --front")
    ({'item_type': 'plan', 'name': 'count', 'args': [['det1', 'det2']], 'kwargs': {'num': 10}}, 27)

    Raises
    ------
    ExpressionError
        The text is not a plan. The error says what is wrong and where.
    """
    end = _end_of_call(text, start)
    if text[start:end].replace("-", "_").removesuffix("()") == INSTRUCTION:
        return {"item_type": "instruction", "name": INSTRUCTION}, end
    return _Reader(text, start, end, session or {}, objection).item(), end


def names_at(text: str, start: int = 0) -> list[BareName]:
    """Find the bare names in the arguments of the plan at ``text[start]``, in order.

    >>> names_at("count([det1, 'text'], num=3)")
    [BareName(name='det1', offset=7, length=4)]

    Raises
    ------
    ExpressionError
        As for `plan_at`.
    """
    end = _end_of_call(text, start)
    if text[start:end].replace("-", "_").removesuffix("()") == INSTRUCTION:
        return []
    reader = _Reader(text, start, end, {}, lambda _name: None)
    reader.item()
    return sorted(reader.names, key=lambda name: name.offset)


def value_at(
    text: str,
    start: int,
    end: int,
    *,
    session: Mapping[str, Any] | None = None,
    objection: Objection | None = None,
    computes: bool = True,
    needs_braces: bool = False,
) -> Any:
    """Read the value in ``text[start:end]`` like a plan's argument; without ``computes``, nothing is computed.

    With ``needs_braces``, arithmetic on numbers alone is computed only in braces: ``3-1`` may be text. A number with
    an underscore, such as ``1_2``, is text.
    """
    reader = _Reader(text, start, end, session or {}, objection, computes=computes, needs_braces=needs_braces)
    return reader.whole_value()


def place_of(text: str, start: int, path: Sequence[int | str]) -> tuple[int, int]:
    """Find a value in the plan that begins at ``text[start]``; return its offset and length.

    The path comes from an error of the service: a position in ``args`` or a name in ``kwargs``, then indices and keys.
    An empty path means the plan's name.

    >>> place_of("count([det1, det2], num=0)", 0, ["num"])
    (20, 5)
    >>> place_of("count([det1, det2], num=0)", 0, [0, 1])
    (13, 4)
    """
    first, last = _Reader(text, start, _end_of_call(text, start), {}).place(path)
    return first, max(last - first, 1)


def can_be_sent(value: Any) -> bool:
    """Return whether a session variable may be used in a plan, judging by the type of its value."""
    return isinstance(value, int | float | str | list | tuple | dict) or is_array(value) or is_array_scalar(value)


_NAME = re.compile(r"[^\W\d]\w*(?:\s*\.\s*[^\W\d]\w*)*")
_INSTRUCTION = re.compile(r"queue[_-]stop\b(?!\s*\(\s*[^)\s])(\(\))?")
#: Names that IPython puts into every session.
_OF_IPYTHON = frozenset(("In", "Out", "exit", "quit", "open", "get_ipython"))
_DEEPEST = 50
_ONLY = "Only arithmetic is evaluated here"
_NOT_THIS = f"{_ONLY}, not this expression: assign the value to a variable and write $name"
_REFUSED: dict[type[ast.AST], str] = {
    ast.Call: f"{_ONLY}, not function calls: assign the result to a variable and write $name",
    ast.Attribute: f"{_ONLY}, not attributes: assign the value to a variable and write $name",
    ast.Subscript: (
        f"{_ONLY}, not subscripts: assign the value to a variable and write $name, or, instead of a loop over a table, "
        "write --for TABLE and $column"
    ),
    ast.Set: "A set cannot be sent; {name} stands for the value of a variable in this session",
    ast.JoinedStr: f"{_ONLY}, not f-strings: assign the text to a variable and write $name",
    ast.Lambda: "A function cannot be sent",
    ast.Compare: f"{_ONLY}, not comparisons: assign the result to a variable and write $name",
}


def _end_of_call(text: str, start: int) -> int:
    """Return the offset after the plan's closing parenthesis."""
    if instruction := _INSTRUCTION.match(text, start):
        return instruction.end()
    name = _NAME.match(text, start)
    if name is None:
        raise ExpressionError("Expected a plan, such as count([det1], num=5)", text, start)
    bracket = re.compile(r"\s*").match(text, name.end())
    assert bracket is not None
    if not text.startswith("(", bracket.end()):
        raise ExpressionError(f"A plan is written as a call: {name[0]}(…)", text, name.end())
    return brackets(text, bracket.end()).end


class _Reader:
    """Reads one expression, and finds each node in the text that was typed."""

    def __init__(
        self,
        text: str,
        start: int,
        end: int,
        session: Mapping[str, Any],
        objection: Objection | None = None,
        *,
        computes: bool = True,
        needs_braces: bool = False,
    ) -> None:
        self.text = text
        self.computes = computes
        self.needs_braces = needs_braces
        self.start, self.end = start, end
        self.session = session
        self.objection = objection
        self.names: list[BareName] = []
        code, self.indices = parseable(text, start, end)
        self.lines = code.split("\n")
        self.tree = self._parsed()

    def item(self) -> Item:
        call, meta = self._plan_call()
        name = self._dotted(call.func)
        if name is None or has_index(name):
            raise self._fault(call.func, "Expected a plan name")
        item: Item = {"item_type": "plan", "name": name}
        args, kwargs = self._arguments(call)
        if args:
            item["args"] = args
        if kwargs:
            item["kwargs"] = kwargs
        if meta:
            item["meta"] = meta
        return item

    def place(self, path: Sequence[int | str]) -> tuple[int, int]:
        """Return offset and length of the value at a path, or of its last part that the text contains."""
        call, _ = self._plan_call()
        if not path:
            return self._extent(call.func)
        first, *steps = path
        node = self._argument(call, first)
        for step in steps:
            inner = _inner(node, step)
            if inner is None:
                break
            node = inner
        return self._extent(node)

    def _plan_call(self) -> tuple[ast.Call, Item]:
        """Return the plan's own call, and the metadata given to RE."""
        call = self.tree
        if not isinstance(call, ast.Call):
            raise self._fault(call, "A plan is written as a call, such as count([det1], num=5)")
        if isinstance(call.func, ast.Name) and call.func.id == "RE":
            return self._inside_re(call)
        return call, {}

    def _argument(self, call: ast.Call, argument: int | str) -> ast.expr | ast.keyword:
        """Find an argument by position or name; otherwise the ``*`` or ``**`` that contains it, or the plan's name."""
        if isinstance(argument, int):
            for place, node in enumerate(call.args):
                if place == argument or isinstance(node, ast.Starred):
                    return node
            return call.func
        for keyword_ in call.keywords:
            if keyword_.arg == argument:
                return keyword_
        return next((each.value for each in call.keywords if each.arg is None), call.func)

    def whole_value(self) -> Any:
        return self._sent(self.tree, 0)

    # ---------------------------------------------------------------------------------------------------- parsing
    def _parsed(self) -> ast.expr:
        text = "\n".join(self.lines)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # warnings about running the code
                # The parentheses allow a value to span several lines. They change nothing else.
                return ast.parse(f"({text}\n)", mode="eval").body
        except SyntaxError as error:
            offset = self._syntax_offset(error)
            unit = slips.unit_at(self.text, offset, self.start, self.end)
            message, at, length = unit or (self._complaint(error), offset, 1)
            raise ExpressionError(message, self.text, at, length) from None
        except (ValueError, MemoryError, RecursionError, OverflowError):
            raise ExpressionError("Invalid syntax", self.text, self.start) from None

    def _complaint(self, error: SyntaxError) -> str:
        message = (error.msg or "invalid syntax").replace(MARK, "$")
        return message[:1].upper() + message[1:]

    def _syntax_offset(self, error: SyntaxError) -> int:
        line = min(max(error.lineno or 1, 1), len(self.lines))
        column = (error.offset or 1) - 1 - (line == 1)
        return self._offset(line, min(max(column, 0), len(self.lines[line - 1])))

    def _offset(self, line: int, column: int) -> int:
        return self.start + sum(len(each) + 1 for each in self.lines[: line - 1]) + column

    def _extent(self, node: ast.AST) -> tuple[int, int]:
        """Return the offsets in ``text`` where a node begins and ends."""
        first: int = getattr(node, "lineno", 1)
        last: int = getattr(node, "end_lineno", None) or first
        start = self._place(first, getattr(node, "col_offset", 1))
        return start, self._place(last, getattr(node, "end_col_offset", None) or 0)

    def _typed(self, node: ast.AST) -> str:
        start, end = self._extent(node)
        return self.text[start:end]

    def _place(self, line: int, column: int) -> int:
        """Convert a position from ast to an offset in ``text``: ast counts bytes, and our added parenthesis."""
        in_bytes = column - (line == 1)
        if line > len(self.lines):
            return self.start
        return self._offset(line, len(self.lines[line - 1].encode()[: max(in_bytes, 0)].decode(errors="ignore")))

    def _fault(self, node: ast.AST, message: str) -> ExpressionError:
        start, end = self._extent(node)
        return ExpressionError(message, self.text, start, max(end - start, 1))

    # ------------------------------------------------------------------------------------------------- plan calls
    def _inside_re(self, call: ast.Call) -> tuple[ast.Call, Item]:
        """Return the plan in ``RE(plan, key=value…)``, and the keywords, which are metadata for the plan's runs."""
        if not call.args:
            raise self._fault(call, "RE() needs a plan")
        if len(call.args) > 1:
            raise self._fault(call.args[1], "Callbacks cannot be sent with a plan")
        plan = call.args[0]
        if not isinstance(plan, ast.Call):
            raise self._fault(plan, "A plan is written as a call, such as count([det1], num=5)")
        meta = self._keywords(call)
        return plan, meta

    def _arguments(self, call: ast.Call) -> tuple[list[Any], Item]:
        args: list[Any] = []
        for node in call.args:
            if not isinstance(node, ast.Starred):
                args.append(self._sent(node, 0))
                continue
            spread = self._sent(node.value, 0)
            if not isinstance(spread, list):
                raise self._fault(node, "Only a list can follow *")
            args.extend(spread)
        return args, self._keywords(call)

    def _keywords(self, call: ast.Call) -> Item:
        kwargs: Item = {}
        for node in call.keywords:
            sent = self._sent(node.value, 0)
            more = {node.arg: sent} if node.arg else sent
            if not isinstance(more, dict):
                raise self._fault(node.value, "Only a dictionary can follow **")
            for name in more:
                if name in kwargs:
                    raise self._fault(node, f"The parameter {name!r} is given twice")
                if name.startswith(MARK):
                    raise self._fault(node, "A parameter name cannot start with $: $ is for values")
            kwargs.update(more)
        return kwargs

    def _dotted(self, node: ast.expr) -> str | None:
        """Return ``a.b.c`` for a dotted name, ``a.b.1`` for ``a.b[1]``; None for anything else."""
        parts: list[str] = []
        while True:
            match node:
                case ast.Attribute(value=inner, attr=name):
                    end = self._extent(node)[1]
                    parts.append(self.text[end - len(name) : end] if end - len(name) in self.indices else name)
                case ast.Subscript(value=inner, slice=ast.Constant(value=int(index))) if type(index) is int:
                    parts.append(str(index))
                case _:
                    break
            node = inner
        if not isinstance(node, ast.Name) or node.id.startswith(MARK):
            return None
        return ".".join([node.id, *reversed(parts)])

    def _name(self, node: ast.expr) -> str | None:
        """Return the name of a device or plan.

        Names with an index are allowed only if ``objection`` can tell whether they exist.
        """
        name = self._dotted(node)
        return None if name is not None and self.objection is None and has_index(name) else name

    # ----------------------------------------------------------------------------------------------------- values
    def _sent(self, node: ast.expr, depth: int) -> Any:
        """Return the value of an argument, in types that a message can carry."""
        if depth > _DEEPEST:
            raise self._fault(node, "This is nested too deeply")
        match node:
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return self._elements(elements, depth)
            case ast.Dict():
                return self._dictionary(node, depth)
            case ast.Name() | ast.Attribute() | ast.Subscript() if (name := self._name(node)) is not None:
                if self.objection and (reason := self.objection(name)):
                    raise self._fault(node, reason)
                first, last = self._extent(node)
                self.names.append(BareName(name, first, last - first))
                return name
            case ast.Set(elts=[element]) if not isinstance(element, ast.Starred):
                return self._plain(element, self._computed(element, depth, in_braces=True))
            case ast.Constant(value=int() | float()) | ast.UnaryOp(operand=ast.Constant(value=int() | float())) if (
                self.needs_braces and "_" in (typed := self._typed(node))
            ):
                return typed
            case ast.BinOp() | ast.UnaryOp() if self.needs_braces and slips.has_only_numbers(node):
                typed = self._typed(node)
                raise self._fault(node, f"{typed} could be text or arithmetic: write {typed!r} or {{{typed}}}")
            case _:
                return self._plain(node, self._computed(node, depth, in_braces=False))

    def _elements(self, nodes: list[ast.expr], depth: int) -> list[Any]:
        values: list[Any] = []
        for node in nodes:
            if not isinstance(node, ast.Starred):
                values.append(self._sent(node, depth + 1))
                continue
            spread = self._sent(node.value, depth + 1)
            if not isinstance(spread, list):
                raise self._fault(node, "Only a list can follow *")
            values.extend(spread)
        return values

    def _dictionary(self, node: ast.Dict, depth: int) -> Item:
        values: Item = {}
        for key, value in zip(node.keys, node.values, strict=True):
            sent = self._sent(value, depth + 1)
            if key is None:
                if not isinstance(sent, dict):
                    raise self._fault(value, "Only a dictionary can follow **")
                values.update(sent)
                continue
            name = self._sent(key, depth + 1)
            if not isinstance(name, str):
                raise self._fault(key, "A key of a dictionary must be a string")
            values[name] = sent
        return values

    def _computed(self, node: ast.expr, depth: int, *, in_braces: bool) -> Any:
        """Compute a literal, a session variable, or arithmetic on them."""
        if depth > _DEEPEST:
            raise self._fault(node, "This is nested too deeply")
        match node:
            case ast.Constant(value=value):
                return value
            case _ if not self.computes and not isinstance(node, ast.UnaryOp):
                raise self._fault(node, "Only names, numbers, text in quotes, lists and dictionaries are allowed")
            case ast.Name(id=name) if name.startswith(MARK) or in_braces:
                return self._variable(node, name.removeprefix(MARK))
            case ast.Set(elts=[element]) if not in_braces and not isinstance(element, ast.Starred):
                return self._computed(element, depth + 1, in_braces=True)  # as in -{n} or 2 * {n}
            case ast.Name(id=name):
                raise self._fault(node, f"{name!r} means a device or plan here; for the variable, write ${name}")
            case ast.UnaryOp(op=ast.UAdd() | ast.USub() as sign, operand=operand):
                value = self._operand(operand, depth, in_braces=in_braces)
                return -value if isinstance(sign, ast.USub) else value
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                if not in_braces and isinstance(left, ast.Name) and (slip := self._missing_comma(left, right)):
                    raise self._fault(node, slip)
                a = self._operand(left, depth, in_braces=in_braces)
                b = self._operand(right, depth, in_braces=in_braces)
                return self._arithmetic(node, a, b)
            case _:
                raise self._fault(node, _REFUSED.get(type(node), _NOT_THIS))

    def _missing_comma(self, left: ast.expr, right: ast.expr) -> str:
        between = self.text[self._extent(left)[1] : self._extent(right)[0]]
        return slips.missing_comma(self._typed(left), between, self._typed(right))

    def _variable(self, node: ast.expr, name: str) -> Any:
        if not name.isidentifier():
            raise self._fault(node, "Put a variable name after $")
        if name not in self.session:
            hint = did_you_mean(
                nearest(name, [key for key in self.session if not key.startswith("_") and key not in _OF_IPYTHON], 1)
            )
            raise self._fault(node, f"This session has no variable {name!r}{hint}")
        return self.session[name]

    def _operand(self, node: ast.expr, depth: int, *, in_braces: bool) -> Any:
        value = self._computed(node, depth + 1, in_braces=in_braces)
        if is_array(value) and value.dtype.kind in "iuf":
            return value
        if is_array_scalar(value):
            value = value.item()
        if type(value) not in (int, float):
            raise self._fault(node, f"Arithmetic needs numbers, not {_kind(value)}")
        return value

    def _arithmetic(self, node: ast.BinOp, a: Any, b: Any) -> Any:
        try:
            return computed(node.op, a, b)
        except ValueError as error:
            raise self._fault(node, str(error)) from None

    def _plain(self, node: ast.AST, value: Any, depth: int = 0) -> Any:
        """Convert a session variable's value to types that a message can carry: arrays and tuples become lists."""
        if depth > _DEEPEST:
            raise self._fault(node, "This is nested too deeply")
        if is_array(value) or is_array_scalar(value):
            value = value.tolist()
        match value:
            case None | bool():
                return value
            case int():  # a subclass, such as an Enum member, is sent as its base type
                return int.__int__(value)
            case float():
                return float.__float__(value)
            case str():
                return str.__str__(value)
            case list() | tuple():
                return [self._plain(node, each, depth + 1) for each in value]
            case dict():
                for key in value:
                    if not isinstance(key, str):
                        raise self._fault(node, f"A key of a dictionary must be a string, not {_kind(key)}")
                return {str(key): self._plain(node, each, depth + 1) for key, each in value.items()}
            case _:
                raise self._fault(node, f"A value of type {_kind(value)} cannot be sent")


def _inner(node: ast.AST, step: int | str) -> ast.expr | None:
    """Return the node of a list element or dictionary value; None if it is not in the text."""
    if isinstance(node, ast.keyword):
        node = node.value
    if isinstance(node, ast.List | ast.Tuple) and isinstance(step, int):
        before = node.elts[: step + 1]
        return before[step] if len(before) > step and not any(isinstance(e, ast.Starred) for e in before) else None
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == step:
                return value
    return None


def _kind(value: Any) -> str:
    return type(value).__name__
