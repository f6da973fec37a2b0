"""The parts of the OpenAPI document: parameters, responses and their texts."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from bluesky_qs.api.method import Method
from bluesky_qs.api.schema import Schema
from bluesky_qs.door.components import Components
from bluesky_qs.door.shapes import Detail

JSON, TEXT = "application/json", "text/plain"

#: The meaning of the door's statuses; 200 and 409 have their own texts.
_MEANINGS = {
    400: "Unknown or wrong parameters, or an unknown kind of Authorization.",
    401: "Not signed in, or a scope is missing; the text names the scope.",
    403: "A cookie without its token, X-CSRF.",
    404: "The path does not exist, or it names something that does not exist.",
    408: "The manager did not answer in time. It may still carry out the request.",
    413: "The request head or body is too large.",
    422: "Required parameters are missing, or the Idempotency-Key belongs to another request.",
    429: "Too many failed sign-ins. Try again after Retry-After seconds.",
    503: "The manager, or the sign-in, is down. Try again after Retry-After seconds.",
}


def plain(name: str, tag: str, function: Callable[..., Any]) -> Schema:
    """The name and the description of an operation, which is the docstring of the function."""
    summary, _, rest = (inspect.getdoc(function) or "").replace("``", "`").partition("\n\n")
    made: Schema = {"operationId": name, "tags": [tag], "summary": " ".join(summary.split())}
    return {**made, "description": rest} if rest else made


def of_method(
    components: Components, method: Method[..., Any], *, more: Mapping[str, Schema], without: Iterable[str] = ()
) -> Schema:
    """The schema of a method's parameters at the door, where the user and the group come from the sign-in."""
    if method.lenient:
        return {"properties": {}}
    from_sign_in = {"user", "user_group"} if "client_name" in more else set()
    properties: Schema = {}
    required: list[str] = []
    for name, parameter in method.signature.parameters.items():
        if name in from_sign_in or name in without:
            continue
        properties[name] = components.schema(parameter.annotation)
        if method.is_required(name):
            required.append(name)
        else:
            properties[name] = {**properties[name], "default": parameter.default}
    for name in sorted(from_sign_in & set(method.parameters)):
        text = "Has no effect; the value of the sign-in is used"
        properties[name] = {"type": ["string", "null"] if name == "user" else "string", "description": text}
    return {
        "type": "object",
        "properties": {**properties, **more},
        "required": required,
        "additionalProperties": False,
    }


def in_query_too(verb: str, schema: Mapping[str, Any], *, is_required: bool) -> Schema:
    """The parameters at the door: in the body, in the query, or in both."""
    if not schema["properties"]:
        return {}
    body: Schema = {"required": False, "content": {JSON: {"schema": dict(schema)}}}
    if is_required and verb != "GET":
        body["description"] = "The request needs a body, unless the parameters are in the query."
    return {"requestBody": body, "parameters": parameters_in_query(schema["properties"])}


def parameters_in_query(properties: Mapping[str, Schema]) -> list[Schema]:
    """The parameters of a schema as query parameters. Objects are written as JSON."""
    found: list[Schema] = []
    for name, schema in properties.items():
        made: Schema = {"name": name, "in": "query"}
        if "description" in schema:
            made["description"] = schema["description"]
        plain_schema = {key: value for key, value in schema.items() if key != "description"}
        if _has_objects(schema):
            made["content"] = {JSON: {"schema": plain_schema}}
        else:
            made["schema"] = plain_schema
        found.append(made)
    return found


def _has_objects(schema: Schema) -> bool:
    if schema.get("type") == "object" or "$ref" in schema:
        return True
    inner = [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())]
    return any(_has_objects(each) for each in inner)


def path_parameters(path: str) -> list[Schema]:
    """The named parts of a path."""
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"{(\w+)}", path)
    ]


def answers(components: Components, replies: Sequence[Schema], statuses: Iterable[int]) -> Schema:
    """The responses: the replies with status 200, and the reasons for other statuses."""
    found: Schema = {}
    if replies:
        schema = replies[0] if len(replies) == 1 else {"anyOf": list(replies)}
        found["200"] = {"description": "The reply.", "content": {JSON: {"schema": schema}}}
    for status in sorted(statuses):
        kind, schema = (TEXT, {"type": "string"}) if status == 403 else (JSON, components.schema(Detail))  # noqa: PLR2004
        found[str(status)] = {"description": _MEANINGS[status], "content": {kind: {"schema": schema}}}
    return found
