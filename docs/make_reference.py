"""Write the reference from what the code itself says: `make reference`. A test holds the files to the code."""

import inspect
import json
import sys
import typing
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from bluesky_qs.api import events
from bluesky_qs.api import schema as json_schema
from bluesky_qs.api.method import METHODS, Lock, Method
from bluesky_qs.api.types import Reply, Status
from bluesky_qs.config import schema
from bluesky_qs.manager.state import TRANSITIONS, ManagerState
from bluesky_qs.manager.worker_link import LINK_TRANSITIONS, LinkState
from bluesky_qs.words.forms import QSERVER, SECTIONS
from bluesky_qs.words.helptext import LEGEND, summary
from ipython_extension.words import dispatch  # noqa: F401 - it fills the table of words
from ipython_extension.words.helptext import ALSO
from ipython_extension.words.magics import QSMagics
from ipython_extension.words.vocabulary import CELLS, WORDS, PromptCommand

DOCS = Path(__file__).parent
HERE = DOCS / "reference"
_MADE = "<!-- Made by docs/make_reference.py from the code; changes by hand are lost. -->\n\n"
_LOCKS = {Lock.NONE: "none", Lock.ENVIRONMENT: "environment", Lock.QUEUE: "queue"}


def pages() -> dict[Path, str]:
    """The text of each page of the reference."""
    return {
        HERE / "methods.md": _MADE + _methods(),
        HERE / "schemas.json": json.dumps(json_schema.contract(), indent=1) + "\n",
        HERE / "settings.md": _MADE + _settings(),
        HERE / "states.md": _MADE + _states(),
        HERE / "qserver.md": _MADE + _qserver(),
        DOCS / "prompt.md": _MADE + _prompt(),
    }


def _methods() -> str:
    groups: dict[str, list[Method[..., object]]] = {}
    for method in METHODS.values():
        groups.setdefault(method.stub.__module__, []).append(method)
    parts = [
        "# The 0MQ methods\n",
        'One request, one answer on the control socket: `{"method": NAME, "params": {…}}`. Every answer but those of',
        "`status` and `ping` has `success` and `msg`. A refusal also has `error`, the class of the error.",
        "`REManagerAPI` has each of them as a method, `%qs call NAME …` and `qserver` send them.\n",
        "*Lock*: the lock that refuses the method to everyone without its key. *Scope*: the permission that a client",
        "over HTTP needs. The same as JSON Schemas is in `docs/reference/schemas.json`.\n",
    ]
    for module, methods in groups.items():
        parts.append(f"## {module.rpartition('.')[2].capitalize()}\n\n{inspect.getdoc(sys.modules[module])}\n")
        parts += [_method(method) for method in methods]
    shapes = [shape for shape in json_schema.shapes() if not _is_answer(shape) and shape is not Status]
    kinds = typing.get_args(events.AnyEvent)
    parts += ["## Keys of the status\n", f"{inspect.getdoc(Status)}\n", *_keys(Status), ""]
    parts += ["## Events\n", f"{inspect.getdoc(events.NumberedEvent)}\n", *_keys(events.NumberedEvent), ""]
    parts += [_event(kind) for kind in kinds]
    parts.append("## Values\n\nObjects inside answers and events. A key that need not be there is marked *optional*.\n")
    parts += [_shape(shape) for shape in shapes if shape not in kinds]
    return "\n".join(parts)


def _is_answer(shape: type) -> bool:
    """Whether the shape is a whole answer: a TypedDict knows its bases by name only."""
    return Reply in getattr(shape, "__orig_bases__", ()) or any(
        _is_answer(base) for base in getattr(shape, "__orig_bases__", ()) if typing.is_typeddict(base)
    )


def _event(kind: type) -> str:
    name = typing.get_args(typing.get_type_hints(kind)["type"])[0]
    keys = _keys(kind, without=("type", "seq", "time"))
    return "\n".join([f"### `{name}`\n", f"{inspect.getdoc(kind)}\n", *keys, *([""] if keys else [])])


def _shape(shape: type) -> str:
    text = inspect.cleandoc(vars(shape).get("__doc__") or "")
    return "\n".join([f"### `{shape.__name__}`\n", f"{text}\n", *_keys(shape), ""])


def _keys(shape: type, without: tuple[str, ...] = ()) -> list[str]:
    required = json_schema.required_keys(shape)
    return [
        f"- `{key}`: {_type(hint)}{'' if key in required else ', *optional*'}"
        for key, hint in typing.get_type_hints(shape).items()
        if key not in without
    ]


def _method(method: Method[..., object]) -> str:
    lines = [f"### `{method.name}`\n", f"{inspect.getdoc(method.stub)}\n"]
    for name, parameter in method.signature.parameters.items():
        default = "required" if method.is_required(name) else f"default `{json.dumps(parameter.default)}`"
        lines.append(f"- `{name}`: {_type(parameter.annotation)}, {default}")
    if method.lenient:
        lines.append("- returns the [status](#keys-of-the-status)")
    else:
        lines += [f"- returns {line.removeprefix('- ')}" for line in _keys(method.reply, ("success", "msg", "error"))]
    lines.append(f"- lock: {_LOCKS[method.lock]}; scope: `{method.scope}`\n")
    return "\n".join(lines)


def _type(hint: object) -> str:
    """A type in words, with links to the values further down."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        text = _type(inner[0])
    elif hint == events.AnyEvent:
        text = "[event](#events)"
    elif typing.is_typeddict(hint):
        text = f"[{hint.__name__}](#{hint.__name__.lower()})"
    elif origin is typing.Literal:
        text = " or ".join(f'`"{value}"`' for value in inner)
    elif origin is list:
        text = f"list of {_type(inner[0])}"
    elif origin is dict:
        text = "object" if inner[1] is typing.Any else f"object of {_type(inner[1])}, by name"
    elif inner:
        text = " or ".join(_type(member) for member in inner)
    else:
        text = _NAMES[hint]
    return text


_NAMES: dict[object, str] = {
    str: "string",
    int: "integer",
    bool: "true/false",
    float: "number",
    type(None): "null",
    typing.Any: "any value",
}


def _settings() -> str:
    parts = [
        "# Settings of the service\n",
        "Each setting by its key in a configuration file (`--config`), its option of `start-re-manager` and its",
        "environment variable. The command line overrides the file, and the file overrides the variables.\n",
    ]
    section = ""
    for field in schema.fields():
        if field.section != section:
            section = field.section
            parts.append(f"\n## {section}\n\n{inspect.getdoc(schema.SECTIONS[section])}\n")
        ways = [f"`{option}`" for option in field.setting.options] + [f"`{name}`" for name in field.setting.variables]
        value = " ".join(field.default) if isinstance(field.default, tuple) else field.default
        default = "" if field.setting.secret or value in (None, "") else f" Default: `{value}`."
        words = schema.choices(field.type)
        choice = f" One of {', '.join(f'`{word}`' for word in words)}." if words else ""
        parts.append(f"- **`{field.name}`** ({', '.join(ways) or 'file only'}): {field.setting.text}{choice}{default}")
    return "\n".join(parts) + "\n"


def _states() -> str:
    return "\n".join(
        [
            "# States of the manager\n\n`manager_state`, and what leads from one state to the next.\n",
            *_diagram(TRANSITIONS, ManagerState.INITIALIZING),
            "## The link to the worker\n",
            "How the manager is connected to the worker process. `worker_environment_exists` is true in the state",
            "`open`.\n",
            *_diagram(LINK_TRANSITIONS, LinkState.ABSENT),
        ]
    )


def _diagram(transitions: Mapping[Any, StrEnum], first: StrEnum) -> list[str]:
    lines = [f"    {state} --> {target}: {event}" for (state, event), target in sorted(transitions.items())]
    return ["```mermaid", "stateDiagram-v2", f"    [*] --> {first}", *lines, "```", ""]


def _qserver() -> str:
    parts = [
        "# The lines of qserver\n",
        "`qserver LINE` in a shell sends one request and prints the answer; `%qs LINE` in IPython understands the same",
        "lines and shows what people read. `qserver -h` lists them, `qserver -h WORD…` some of them.\n",
    ]
    for title, forms in SECTIONS.items():
        parts += [f"## {title}\n", "| line | does |", "|---|---|"]
        parts += [f"| `{form.usage.replace('|', _BAR)}` | {summary(form).replace('|', _BAR)} |" for form in forms]
        parts.append("")
    return "\n".join([*parts, "```", LEGEND, "```", ""])


#: In the tables of GitHub and others; in their code too.
_BAR = "\\|"

_PROMPT = """\
# Commands of the prompt

    %load_ext bluesky_qs

in IPython, JupyterLab, `jupyter console` or VS Code gives you `%qs`, and the client `RM` for [scripts](scripts.md).
No request is sent until you type a command. To load it in every session, write
`c.InteractiveShellApp.extensions = ["bluesky_qs"]` into your `ipython_config.py`.

- **Plans** are written as in `RE(…)`: `%qs add count([det1, det2], num=10)`. Names are plans and devices of the
  service; they need not exist in this session. `$name` and `{expression}` insert the value of a variable of *this*
  session, or of arithmetic on variables. The text is parsed, never run.
- **Items** are named by their position in the *last* table (`-1` is the last one), or by the first characters of
  their uid. A position means the item that you saw there, wherever it is now. A message that names a position in the
  queue has the same effect as a table of the queue.
- **Results** are objects: `q = %qs queue` is a list of items that is displayed as a table. A `;` at the end of the
  line hides the result.
- **Errors** are raised and shown in one line, so that a notebook stops. Ctrl-C ends a wait, never a scan.
- **All commands of [qserver](reference/qserver.md)** work after `%qs`, unchanged.
- **TAB** completes commands, plans, parameters, devices and subdevices. `%qs?` lists the commands; `%qs add?` shows
  the help of one.

The [tutorials](index.md#tutorials) show them at work.
"""


def _prompt() -> str:
    parts = [_PROMPT, "## %qs\n", "Show the state, the running plan with its progress, and the next items.\n"]
    parts += [_word(word, "%qs") for word in WORDS.values()]
    parts += [_word(word, "%%qs") for word in CELLS.values()]
    parts += [
        f"## %qs {form.words[0]}\n\n    %qs {form.usage}\n\n{summary(form)}.\n"
        for name in ALSO
        for form in QSERVER.beginning_with([name])
    ]
    parts += [
        "## Settings\n",
        "`%config QSMagics.table_rows = 50` in a session, or `c.QSMagics.table_rows = 50` in `ipython_config.py`,",
        "which works before the extension is loaded.\n",
    ]
    for name, trait in QSMagics.class_own_traits(config=True).items():
        default = "" if trait.default_value in ("", None) else f" Default: `{trait.default_value}`."
        parts.append(f"- **`{name}`**: {trait.help}{default}")
    return "\n".join(parts) + "\n"


def _word(word: PromptCommand, magic: str) -> str:
    head, _, rest = (inspect.getdoc(word.action) or "").partition("\n")
    usage = f"{magic} {word.name} {word.usage}".rstrip()
    return f"## {magic} {word.name}\n\n    {usage}\n\n" + f"{head}\n{rest}".rstrip() + "\n"


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text)
