"""The routes of the sign-in in the OpenAPI document."""

from collections.abc import Iterable

from bluesky_qs.api.paths import PREFIX
from bluesky_qs.api.schema import Schema
from bluesky_qs.door.components import Components
from bluesky_qs.door.operation import JSON, answers, path_parameters, plain
from bluesky_qs.door.signin.auth_route import AuthRoute
from bluesky_qs.door.signin.provider_routes import DeviceCode

_FORM = "application/x-www-form-urlencoded"
_PROVIDER = "/provider/{provider}"
#: Query parameters, by verb and path after ``/api/auth``; those with True are required.
_QUERY: dict[tuple[str, str], dict[str, bool]] = {
    ("DELETE", "/apikey"): {"first_eight": True},
    ("GET", f"{_PROVIDER}/authorize"): {"next": False},
    ("GET", f"{_PROVIDER}/code"): {"state": True, "code": False},
    ("GET", f"{_PROVIDER}/device_code"): {"user_code": False},
}
#: Routes whose body may be left out.
_BODY_MAY_BE_EMPTY = frozenset({("POST", "/logout")})
#: Fields of forms.
_FIELDS: dict[str, tuple[str, ...]] = {
    f"{_PROVIDER}/token": ("username", "password"),
    f"{_PROVIDER}/code": ("state", "code"),
    f"{_PROVIDER}/device_code": ("user_code", "csrf"),
}
#: Routes for browsers. They return pages or redirects.
_FOR_BROWSERS = frozenset(
    {("GET", f"{_PROVIDER}/authorize"), *((verb, f"{_PROVIDER}/code") for verb in ("GET", "POST"))}
)
_PAGES = frozenset({f"{_PROVIDER}/device_code", f"{_PROVIDER}/code"})


def sign_in_operation(components: Components, route: AuthRoute) -> Schema:
    """The operation of a route, without the credentials that it needs."""
    path = route.path.removeprefix(f"{PREFIX}/auth")
    made = plain(f"auth_{getattr(route.function, '__name__', path)}", "Sign-in", route.function)
    made["parameters"] = path_parameters(path) + [
        {"name": name, "in": "query", "required": required, "schema": {"type": "string"}}
        for name, required in _QUERY.get((route.verb, path), {}).items()
    ]
    if content := _body(components, route, path):
        made["requestBody"] = {"required": (route.verb, path) not in _BODY_MAY_BE_EMPTY, "content": content}
    made["responses"] = _responses(components, route, path)
    return made


def _body(components: Components, route: AuthRoute, path: str) -> Schema:
    content: Schema = {}
    if route.body is not None:
        content[JSON] = {"schema": components.struct_schemas([route.body])[0]}
    if route.verb == "POST" and (fields := _FIELDS.get(path)):
        properties = {name: {"type": "string"} for name in fields}
        content[_FORM] = {"schema": {"type": "object", "properties": properties, "required": list(fields)}}
    if path.endswith("/token"):
        content[JSON] = {"schema": components.struct_schemas([DeviceCode])[0]}
    return content


def _responses(components: Components, route: AuthRoute, path: str) -> Schema:
    found = answers(components, [], _statuses(route, path))
    content: Schema = {}
    if route.answers is not None:
        schema = components.struct_schemas([route.answers])[0]
        content = {JSON: {"schema": schema}, "application/x-msgpack": {"schema": schema}}
    elif path not in _PAGES and (route.verb, path) not in _FOR_BROWSERS:
        content = {JSON: {"schema": {"type": "object"}}}
    if path in _PAGES:
        content["text/html"] = {"schema": {"type": "string"}}
        found["401"]["content"] |= {"text/html": {"schema": {"type": "string"}}}
    if content:
        found["200"] = {"description": "The response.", "content": content}
    if (route.verb, path) in _FOR_BROWSERS or (route.verb, path) == ("POST", f"{_PROVIDER}/device_code"):
        found["303"] = {"description": "The browser is redirected."}
    if path.endswith("/token"):
        error = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
        detail = {"anyOf": [{"type": "string"}, error]}
        schema = {"type": "object", "properties": {"detail": detail}, "required": ["detail"]}
        found["400"] = {
            "description": "The user has not signed in yet (`authorization_pending`), or will not (`access_denied`).",
            "content": {JSON: {"schema": schema}},
        }
    if route.verb == "GET" and route.answers is not None:
        found["304"] = {"description": "The client's copy is current (If-None-Match)."}
    return dict(sorted(found.items()))


def _statuses(route: AuthRoute, path: str) -> Iterable[int]:
    statuses: set[int] = {400, 401, 413, 422, 503}
    if "{" in path or path == "/apikey":
        statuses.add(404)
    if path.startswith(_PROVIDER):
        statuses.add(429)
    if route.verb != "GET":
        statuses.add(403)
    return statuses
