"""Write the reference from what the code itself says: `make reference`. A test holds the files to the code."""

import inspect
import json
import sys
import typing
from pathlib import Path

from bluesky_qs.api.method import METHODS, Lock, Method
from bluesky_qs.config import schema
from bluesky_qs.manager.state import TRANSITIONS

HERE = Path(__file__).parent / "reference"
_MADE = "<!-- Made by docs/make_reference.py from the code; changes by hand are lost. -->\n\n"
_LOCKS = {Lock.NONE: "none", Lock.ENVIRONMENT: "environment", Lock.QUEUE: "queue"}


def pages() -> dict[Path, str]:
    """The text of each page of the reference."""
    return {
        HERE / "methods.md": _MADE + _methods(),
        HERE / "settings.md": _MADE + _settings(),
        HERE / "states.md": _MADE + _states(),
    }


def _methods() -> str:
    groups: dict[str, list[Method[..., object]]] = {}
    for method in METHODS.values():
        groups.setdefault(method.stub.__module__, []).append(method)
    parts = [
        "# The 0MQ methods\n",
        'One request, one answer on the control socket: `{"method": NAME, "params": {…}}`. Every answer but those of',
        "`status` and `ping` has `success` and `msg`. `REManagerAPI` has each of them as a method, `%qs call NAME …`",
        "and `qserver` send them. *Lock*: which lock refuses the method to those without its key.\n",
    ]
    for module, methods in groups.items():
        parts.append(f"## {module.rpartition('.')[2].capitalize()}\n\n{inspect.getdoc(sys.modules[module])}\n")
        parts += [_method(method) for method in methods]
    return "\n".join(parts)


def _method(method: Method[..., object]) -> str:
    lines = [f"### `{method.name}`\n", f"{inspect.getdoc(method.stub)}\n"]
    for name, parameter in method.signature.parameters.items():
        required = name in method.requires or parameter.default is parameter.empty
        default = "required" if required else f"default `{json.dumps(parameter.default)}`"
        lines.append(f"- `{name}`: {_type(parameter.annotation)}, {default}")
    result = typing.get_type_hints(method.stub)["return"]
    keys = [key for key in typing.get_type_hints(result) if key not in ("success", "msg")]
    if keys and not method.lenient:
        lines.append(f"- returns {', '.join(f'`{key}`' for key in keys)}")
    lines.append(f"- lock: {_LOCKS[method.lock]}\n")
    return "\n".join(lines)


def _type(annotation: object) -> str:
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if annotation is type(None):
        return "null"
    if typing.get_origin(annotation) is typing.Literal:
        return " or ".join(f'`"{value}"`' for value in typing.get_args(annotation))
    members = typing.get_args(annotation)
    if members and typing.get_origin(annotation) not in (list, dict):
        return " or ".join(_type(member) for member in members)
    if typing.get_origin(annotation) is list:
        return f"list of {_type(members[0])}"
    names = {dict: "object", str: "string", int: "integer", bool: "true/false", float: "number"}
    return names.get(typing.get_origin(annotation) or annotation, str(annotation))  # type: ignore[arg-type]


def _settings() -> str:
    parts = [
        "# Settings of the service\n",
        "Each setting by its key in a configuration file (`--config`), its option of `start-re-manager` and its",
        "environment variable. The command line wins over the file, the file over the environment.\n",
    ]
    section = ""
    for field in schema.fields():
        if field.section != section:
            section = field.section
            parts.append(f"\n## {section}\n\n{inspect.getdoc(schema.SECTIONS[section])}\n")
        ways = [f"`{option}`" for option in field.setting.options] + [f"`{name}`" for name in field.setting.variables]
        default = "" if field.setting.secret or field.default in (None, ()) else f" Default: `{field.default}`."
        words = schema.choices(field.type)
        choice = f" One of {', '.join(f'`{word}`' for word in words)}." if words else ""
        parts.append(f"- **`{field.name}`** ({', '.join(ways) or 'file only'}): {field.setting.text}{choice}{default}")
    return "\n".join(parts) + "\n"


def _states() -> str:
    lines = [f"    {state} --> {target}: {event}" for (state, event), target in sorted(TRANSITIONS.items())]
    return "# States of the manager\n\n`manager_state`, and what leads from one state to the next.\n\n" + "\n".join(
        ["```mermaid", "stateDiagram-v2", "    [*] --> initializing", *lines, "```", ""],
    )


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text)
