"""An OpenAPI document as one page of plain HTML: it loads nothing and runs no script."""

import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from bluesky_qs.door.openapi import OF_INSTRUMENT

_STYLE = """
:root { color-scheme: light dark }
body { font-family: sans-serif; line-height: 1.45; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 3rem; border-bottom: 1px solid } h3 { margin: 2rem 0 0.3rem; font-size: 1.05rem }
code { font-family: monospace } table { border-collapse: collapse; margin: 0.5rem 0 }
td, th { text-align: left; vertical-align: top; padding: 0.15rem 1rem 0.15rem 0 }
th { font-weight: normal; opacity: 0.7 }
ul.index { columns: 18rem; list-style: none; padding: 0 } .quiet { opacity: 0.7 }
"""
_SHAPES = "#/components/schemas/"


def page(document: Mapping[str, Any]) -> str:
    """The page for a document."""
    groups: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {}
    for path, verbs in document["paths"].items():
        for verb, written in verbs.items():
            operation = resolved(document, written)
            groups.setdefault(operation["tags"][0], []).append((verb.upper(), path, operation))
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    parts = [
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head><body><main><h1>{title}</h1>",
        _text(document["info"]["description"]),
        '<p>For programs: <a href="openapi.json">openapi.json</a></p>',
    ]
    of_instruments = groups.pop("Instruments", [])
    for tag, operations in groups.items():
        links = (
            f'<li><a href="#{each["operationId"]}">{verb} {escape(path)}</a></li>' for verb, path, each in operations
        )
        parts += [f'<h2>{escape(tag)}</h2><ul class="index">', *links, "</ul>"]
        parts += [_operation(verb, path, operation) for verb, path, operation in operations]
    parts += ["<h2>Instruments</h2><p>The same operations for one of several instruments, by name:</p><ul>"]
    parts += [_same(verb, path, operation) for verb, path, operation in of_instruments]
    parts.append("</ul><h2>Values</h2>")
    parts += [_shape(name, schema) for name, schema in document["components"]["schemas"].items()]
    return "\n".join([*parts, "</main></body></html>\n"])


def resolved(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Mapping[str, Any]:
    """The operation, with references replaced by the shared parts that they point to."""

    def part(written: Any) -> Any:
        if "$ref" not in written:
            return written
        _, _, kind, name = written["$ref"].split("/")
        return document["components"][kind][name]

    body = {"requestBody": part(operation["requestBody"])} if "requestBody" in operation else {}
    return {
        **operation,
        "parameters": [part(each) for each in operation.get("parameters", ())],
        "responses": {status: part(each) for status, each in operation["responses"].items()},
        **body,
    }


def _same(verb: str, path: str, operation: Mapping[str, Any]) -> str:
    """A line for an operation of an instrument, with a link to the same operation of the default instrument."""
    name = operation["operationId"]
    return f'<li id="{name}"><a href="#{name.removeprefix(OF_INSTRUMENT)}">{verb} {escape(path)}</a></li>'


def _operation(verb: str, path: str, operation: Mapping[str, Any]) -> str:
    needs = operation.get("x-scope")
    quiet = (
        f"scope <code>{escape(needs)}</code>" if needs else ("signed in" if operation["security"] else "open to anyone")
    )
    parts = [
        f'<h3 id="{operation["operationId"]}"><code>{verb} {escape(path)}</code></h3>',
        f'<p class="quiet"><code>{operation["operationId"]}</code>, {quiet}</p>',
        _text(operation.get("summary", "") + "\n\n" + operation.get("description", "")),
        _parameters(operation),
        "<table><tr><th>status</th><th></th><th>body</th></tr>",
    ]
    for status, response in operation["responses"].items():
        kinds = response.get("content", {})
        shown = "; ".join(dict.fromkeys(_type(kind.get("schema", {})) for kind in kinds.values()))
        parts.append(f"<tr><td>{status}</td><td>{_line(response['description'])}</td><td>{shown}</td></tr>")
    return "\n".join([*parts, "</table>"])


def _parameters(operation: Mapping[str, Any]) -> str:
    rows: dict[str, str] = {}
    for parameter in operation.get("parameters", ()):
        schema = parameter.get("schema") or next(iter(parameter["content"].values()))["schema"]
        place = parameter["in"]
        rows[parameter["name"]] = _row(
            parameter["name"],
            schema,
            place,
            parameter.get("description", ""),
            required=parameter.get("required", False),
        )
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = content["schema"]
        if "$ref" in schema:
            rows[kind] = _row("", schema, "body", "", required=True)
        for name, each in schema.get("properties", {}).items():
            place = "query or body" if name in rows else ("body" if kind == "application/json" else "form")
            required = name in schema.get("required", ())
            rows[name] = _row(name, each, place, each.get("description", ""), required=required)
    if not rows:
        return ""
    return "\n".join(
        ["<table><tr><th>parameter</th><th>type</th><th>in</th><th></th></tr>", *rows.values(), "</table>"]
    )


def _row(name: str, schema: Mapping[str, Any], place: str, text: str, *, required: bool) -> str:
    default = f"default <code>{escape(json.dumps(schema['default']))}</code>" if "default" in schema else ""
    note = "required" if required else default
    cells = (f"<code>{escape(name)}</code>", _type(schema), place, f"{note} {_line(text)}")
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _shape(name: str, schema: Mapping[str, Any]) -> str:
    rows: list[str] = []
    for key, each in schema.get("properties", {}).items():
        note = "" if key in schema.get("required", ()) else "optional"
        rows.append(f"<tr><td><code>{escape(key)}</code></td><td>{_type(each)}</td><td>{note}</td></tr>")
    table = "".join(["<table>", *rows, "</table>"]) if rows else ""
    return f'<h3 id="shape-{escape(name)}">{escape(name)}</h3>\n{_text(schema.get("description", ""))}\n{table}'


def _type(schema: Mapping[str, Any]) -> str:
    """A type in words, with links to the shapes."""
    if "$ref" in schema:
        name = escape(schema["$ref"].removeprefix(_SHAPES))
        return f'<a href="#shape-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(each) for each in schema["anyOf"]))
    for key in ("enum", "const"):
        if key in schema:
            return _or(schema[key] if key == "enum" else [schema[key]])
    kind = schema.get("type", "any value")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping) and schema["additionalProperties"]:
        return f"object of {_type(schema['additionalProperties'])}, by name"
    return " or ".join(kind) if isinstance(kind, list) else kind


def _or(values: Iterable[object]) -> str:
    return " or ".join(f"<code>{escape(json.dumps(value))}</code>" for value in values)


def _text(markdown: str) -> str:
    """The HTML paragraphs for text that may contain code."""
    return "\n".join(f"<p>{_line(part)}</p>" for part in markdown.split("\n\n") if part.strip())


def _line(markdown: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(markdown))
