"""The routes of the door as an OpenAPI document, made from their tables and from the contract."""

from collections.abc import Iterable, Sequence
from typing import Any

from bluesky_qs._version import __version__
from bluesky_qs.api.method import METHODS, Method, Scope
from bluesky_qs.api.paths import PATHS, PREFIX
from bluesky_qs.api.schema import Schema
from bluesky_qs.door.components import Components
from bluesky_qs.door.methods import LONGEST_KEY, LONGEST_NAME, REQUEST_ID, sets_user
from bluesky_qs.door.openapi_sign_in import sign_in_operation
from bluesky_qs.door.operation import JSON, answers, in_query_too, of_method, path_parameters, plain
from bluesky_qs.door.route import Route
from bluesky_qs.door.shapes import Refusal
from bluesky_qs.door.signin.auth_route import AuthRoute
from bluesky_qs.door.simplified import SIMPLIFIED
from bluesky_qs.door.streams.table import STREAMS, Stream

#: Prefix for the names of operations on one of several instruments.
OF_INSTRUMENT = "instrument_"
_INSTRUMENTS = "/instruments"
_ABOUT = """\
The HTTP door of the Bluesky queue service: every 0MQ method has a route.

Send parameters as a JSON object in the body, even with GET, or in the query; if a parameter is in both, the body
takes precedence. If the service refuses a request, the status is 200 and the body has `"success": false`. The routes
below `/api/instruments/{instrument}` do the same for one of several instruments. A route's `x-scope` is the scope that
it needs. Websockets and Server-Sent Events are described in docs/http-streams.md and docs/reference/asyncapi.yaml.
"""
_SECURITY_SCHEMES: Schema = {
    "ApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "The word ApiKey, a space and an API key",
    },
    "Bearer": {"type": "http", "scheme": "bearer", "description": "An access token"},
}
_REDUCED = {
    "type": "boolean",
    "default": False,
    "description": "Short descriptions, for clients that build input forms from them",
}
_LABEL = {
    "type": "string",
    "maxLength": LONGEST_NAME,
    "description": "The name of a client with a shared key; it is shown beside the signed-in user",
}
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same request with the same key is carried out once, and gets the same reply",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
}


def document(
    own: Iterable[Route],
    outside: Iterable[Route],
    sign_in: Iterable[AuthRoute],
    *,
    root_path: str = "",
    instruments: Sequence[str] = (),
) -> Schema:
    """The document: our own routes below ``/api`` and outside of it, the sign-in routes, and the streams.

    ``instruments`` are the possible values of ``{instrument}`` in a path. If it is empty, any name is possible.
    """
    made = _Document(instruments)
    for route in own:
        made.add(route.verb, route.path, made.operation(route), for_each=not route.path.startswith(_INSTRUMENTS))
    for stream in STREAMS:
        for path, kind in ((stream.server_sent, "text/event-stream"), (stream.lines, "text/plain")):
            if path:
                made.add("GET", path, _stream(made.components, stream, kind), for_each=True)
    made.add_for_each_instrument()
    for auth in sign_in:
        made.put(auth.verb, auth.path, secured(sign_in_operation(made.components, auth), auth.needs))
    for route in outside:
        made.put(route.verb, route.path, made.operation(route))
    return {
        "openapi": "3.1.0",
        "info": {"title": "bluesky_qs", "version": __version__, "description": _ABOUT},
        "servers": [{"url": root_path or "/"}],
        "paths": made.paths,
        "components": {
            "schemas": dict(sorted(made.components.schemas.items())),
            **{kind: dict(sorted(parts.items())) for kind, parts in made.components.shared.items()},
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }


def secured(operation: Schema, needs: object) -> Schema:
    """The operation with the credentials that it needs: a scope, any credentials (not a string), or none (None)."""
    if needs is None or getattr(needs, "name", "") == "NOTHING":
        return {**operation, "security": []}
    scopes = [needs] if isinstance(needs, str) else []
    marked = {"x-scope": needs} if scopes else {}
    return {**operation, **marked, "security": [{name: scopes} for name in _SECURITY_SCHEMES]}


class _Document:
    def __init__(self, instruments: Sequence[str]) -> None:
        self.components = Components()
        self.paths: dict[str, Schema] = {}
        self._names: set[str] = set()
        self._for_each: list[tuple[str, str, Schema]] = []
        schema = {"type": "string", "enum": list(instruments)} if instruments else {"type": "string", "minLength": 1}
        self._instrument = {"name": "instrument", "in": "path", "required": True, "schema": schema}

    def add(self, verb: str, path: str, operation: Schema, *, for_each: bool) -> None:
        """Add an operation below ``/api``, and later below each instrument."""
        operation = self.put(verb, PREFIX + path, operation)
        if for_each:
            self._for_each.append((verb, f"{PREFIX}{_INSTRUMENTS}/{{instrument}}{path}", operation))

    def add_for_each_instrument(self) -> None:
        """Add the operations that exist for each instrument."""
        for verb, path, operation in self._for_each:
            more = {"operationId": f"{OF_INSTRUMENT}{operation['operationId']}", "tags": ["Instruments"]}
            parameters = [self._instrument, *operation.get("parameters", ())]
            responses = {**answers(self.components, [], [404]), **operation["responses"]}
            self.put(verb, path, {**operation, **more, "parameters": parameters, "responses": responses})

    def put(self, verb: str, path: str, operation: Schema) -> Schema:
        """Put the operation into the document. If its name is taken, add the verb or the path to it."""
        path = path if len(path) == 1 else path.rstrip("/")
        name = operation["operationId"]
        for longer in (name, f"{name}_{verb.lower()}", f"{name}_{path.rpartition('/')[2] or 'root'}"):
            if longer not in self._names:
                operation = {**operation, "operationId": longer}
                break
        self._names.add(operation["operationId"])
        operation = _sharing(self.components, operation)
        self.paths.setdefault(path, {})[verb.lower()] = operation
        return operation

    def operation(self, route: Route) -> Schema:
        """Return the operation of one of our own routes."""
        method = METHODS.get(route.method)
        made = self._of_method(route, method) if method else self._of_door(route)
        made["parameters"] = path_parameters(route.path) + made.get("parameters", [])
        return secured(made, route.scope)

    def _of_method(self, route: Route, method: Method[..., Any]) -> Schema:
        aliased = PATHS[method.name].path != route.path
        more = {"client_name": _LABEL} if sets_user(method) else {}
        if method.name in SIMPLIFIED:
            more["reduced"] = _REDUCED
        taken = of_method(self.components, method, more=more, without=("option",) if aliased else ())
        made = plain(route.method, method.stub.__module__.rpartition(".")[2].capitalize(), method.stub)
        is_required = not aliased and PATHS[method.name].body_required
        made |= in_query_too(route.verb, taken, is_required=is_required)
        if method.scope.startswith("write:") and REQUEST_ID in method.parameters:
            made["parameters"] = [*made.get("parameters", []), _IDEMPOTENCY]
        replies = [self.components.schema(method.reply)]
        if not method.lenient:
            replies.append(self.components.schema(Refusal))
        if method.name in SIMPLIFIED:
            replies.append(self.components.schema(SIMPLIFIED[method.name].shape))
        statuses = [400, 401, 408, 413, 503]
        if is_required or REQUEST_ID in method.parameters:
            statuses.append(422)
        if route.verb != "GET":
            statuses.append(403)
        made["responses"] = answers(self.components, replies, statuses)
        if "expected" in method.parameters or method.name == "queue_item_update_batch":
            text = "An item has changed and differs from `expected`. The body is the refusal, with the current item."
            made["responses"]["409"] = {
                "description": text,
                "content": {JSON: {"schema": self.components.schema(Refusal)}},
            }
        return made

    def _of_door(self, route: Route) -> Schema:
        made = plain(getattr(route.handle, "__name__", "route"), "Server", route.handle)
        statuses = [413] if route.scope is None else [400, 401, 408, 413, 503]
        if route.scope is not None and route.verb != "GET":
            statuses.append(403)
        if "{" in route.path:
            statuses.append(404)
        if route.takes is not None:
            (reference,) = self.components.struct_schemas([route.takes])
            taken = self.components.schemas.pop(reference["$ref"].rpartition("/")[2])
            made |= in_query_too(route.verb, taken, is_required=bool(taken.get("required")))
            statuses.append(422)
        elif route.path.endswith("/spreadsheet"):
            made["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}
            statuses.append(422)
        if isinstance(route.gives, str):  # a page
            made["responses"] = {"200": {"description": "A page", "content": {route.gives: {}}}}
            made["responses"] |= answers(self.components, [], statuses)
            return made
        replies = [self.components.schema(route.gives)]
        if route.scope is not None:
            replies.append(self.components.schema(Refusal))
        made["responses"] = answers(self.components, replies, statuses)
        if route.path == "/readyz":
            made["responses"]["503"] = {
                "description": "The manager cannot be used now.",
                "content": {JSON: {"schema": replies[0]}},
            }
        return made


def _sharing(components: Components, operation: Schema) -> Schema:
    """The operation, with references to the parts that other operations share."""
    name = operation["operationId"]
    shared = dict(operation)
    if parameters := operation.get("parameters"):
        shared["parameters"] = [
            each
            if "$ref" in each
            else components.share(
                "parameters", each, each["name"], f"{each['in']}_{each['name']}", f"{name}_{each['name']}"
            )
            for each in parameters
        ]
    if "$ref" not in (body := operation.get("requestBody", {"$ref": ""})):
        shared["requestBody"] = components.share("requestBodies", body, name)
    shared["responses"] = {
        status: each
        if "$ref" in each
        else components.share("responses", each, *([] if status == "200" else [f"status_{status}"]), f"{name}_{status}")
        for status, each in sorted(operation["responses"].items())
    }
    return shared


_FORM: Schema = {
    "type": "object",
    "properties": {
        "spreadsheet": {"type": "string", "format": "binary", "description": "A file, .csv or .xlsx"},
        "data_type": {"type": "string", "description": "Has no effect"},
    },
    "required": ["spreadsheet"],
}


def _stream(components: Components, stream: Stream, kind: str) -> Schema:
    form = "Server-Sent Events" if kind == "text/event-stream" else "JSON objects, one after another"
    made: Schema = {
        "operationId": f"{stream.name}_stream",
        "tags": ["Streams"],
        "summary": f"{stream.text} {form}; the response does not end.",
        "parameters": [],
    }
    if stream.resumes:
        text = "Number of the last event that the client has received"
        made["parameters"] = [
            {"name": "after", "in": "query", "description": text, "schema": {"type": "integer", "minimum": 0}},
            {"name": "Last-Event-ID", "in": "header", "description": text, "schema": {"type": "string"}},
        ]
    made["responses"] = {"200": {"description": form, "content": {kind: {"schema": {"type": "string"}}}}}
    made["responses"] |= answers(components, [], [400, 401])
    scope: Scope = stream.scope
    return secured(made, scope)
