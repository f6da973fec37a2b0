"""The OpenAPI document: valid, complete, and what the routes really need; and the page that is made from it."""

import re

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from bluesky_qs.api.method import METHODS
from bluesky_qs.api.paths import PATHS
from bluesky_qs.door.app import all_routes, described, root_routes
from bluesky_qs.door.components import Components
from bluesky_qs.door.docs_page import resolved
from bluesky_qs.door.door import Door
from bluesky_qs.door.settings import DoorSettings, ServiceSettings
from bluesky_qs.door.signin.accounts import Accounts
from bluesky_qs.door.signin.routes import KeyRequest
from bluesky_qs.door.streams.table import STREAMS

DOOR = Door(DoorSettings(), Accounts)
DOCUMENT = described(DOOR)
OPERATIONS = {
    (verb.upper(), path): resolved(DOCUMENT, operation)
    for path, verbs in DOCUMENT["paths"].items()
    for verb, operation in verbs.items()
}
OF_EACH = "/api/instruments/{instrument}"


def test_the_document_is_valid():
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_it_has_each_route_of_the_door_and_no_other():
    own = {(route.verb, route.path.rstrip("/")) for route in all_routes()}
    own |= {("GET", path) for each in STREAMS for path in (each.server_sent, each.lines) if path}
    expected = {(verb, f"/api{path}") for verb, path in own}
    expected |= {(verb, OF_EACH + path) for verb, path in own - {("GET", "/instruments")}}
    expected |= {(route.verb, route.path) for route in root_routes()}
    expected |= {(route.verb, route.path) for route in DOOR.sign_in.routes}
    assert set(OPERATIONS) == expected


def test_an_operation_of_an_instrument_is_that_of_the_default_one_with_the_name():
    for (verb, path), operation in OPERATIONS.items():
        if path.startswith(OF_EACH):
            of_default = OPERATIONS[verb, "/api" + path.removeprefix(OF_EACH)]
            name, *parameters = operation["parameters"]
            assert (name["name"], name["in"], parameters) == ("instrument", "path", of_default["parameters"])
            assert operation.get("requestBody") == of_default.get("requestBody")
            assert operation["responses"].items() >= of_default["responses"].items()
            assert "404" in operation["responses"]


def test_the_names_of_several_instruments_are_in_the_document():
    services = tuple(ServiceSettings(name=name) for name in ("tomo", "saxs"))
    document = described(Door(DoorSettings(services=services), Accounts))
    assert document["components"]["parameters"]["instrument"]["schema"]["enum"] == ["tomo", "saxs"]


def test_parameters_may_also_be_in_the_query():
    for name, path in PATHS.items():
        operation = OPERATIONS[path.verb, f"/api{path.path}"]
        if "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            query = {each["name"]: each for each in operation["parameters"] if each["in"] == "query"}
            assert query.keys() == schema["properties"].keys(), name
            for each in query.values():
                assert not each.get("required")
                assert ("schema" in each) != ("content" in each)


def test_the_short_lists_have_a_shape():
    for name in ("plans_allowed", "plans_existing", "devices_allowed", "devices_existing"):
        path = PATHS[name]
        content = OPERATIONS["GET", f"/api{path.path}"]["responses"]["200"]["content"]["application/json"]
        shapes = [each["$ref"].rpartition("/")[2] for each in content["schema"]["anyOf"]]
        assert f"Short{shapes[0]}" in shapes
        assert "properties" in DOCUMENT["components"]["schemas"][f"Short{shapes[0]}"]


def test_each_operation_has_a_name_of_its_own_that_of_the_method_if_there_is_one():
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)
    for name, path in PATHS.items():
        assert OPERATIONS[path.verb, f"/api{path.path}"]["operationId"] == name


def test_each_operation_says_what_it_does_and_what_it_needs():
    for (verb, path), operation in OPERATIONS.items():
        assert operation["summary"], (verb, path)
        assert "200" in operation["responses"] or "303" in operation["responses"]
        scopes = [scopes for each in operation["security"] for scopes in each.values()]
        assert scopes == ([[operation["x-scope"]]] * 2 if "x-scope" in operation else [[]] * len(scopes))
    for name, path in PATHS.items():
        assert OPERATIONS[path.verb, f"/api{path.path}"]["x-scope"] == METHODS[name].scope
    assert OPERATIONS["GET", "/healthz"]["security"] == []


def test_user_and_group_need_not_be_sent_because_they_come_from_the_sign_in():
    body = OPERATIONS["POST", "/api/queue/item/add"]["requestBody"]
    schema = body["content"]["application/json"]["schema"]
    assert schema["required"] == ["item"]
    assert {"client_name", "pos", "request_id"} <= schema["properties"].keys()
    required = [path.method for path in PATHS.values() if path.body_required and path.verb == "POST"]
    for name in required:
        path = PATHS[name]
        operation = OPERATIONS["POST", f"/api{path.path}"]
        assert "needs a body, unless" in operation["requestBody"]["description"], name
        assert "422" in operation["responses"], name


def test_other_parts_with_a_name_that_is_taken_are_an_error():
    components = Components()
    reference = components.share("parameters", {"name": "uid", "in": "query"}, "uid")
    assert reference == {"$ref": "#/components/parameters/uid"}
    assert components.share("parameters", {"name": "uid", "in": "query"}, "uid") == reference
    other = {"name": "uid", "in": "path"}
    assert components.share("parameters", other, "uid", "path_uid") == {"$ref": "#/components/parameters/path_uid"}
    with pytest.raises(TypeError, match="uid"):
        components.share("parameters", {"name": "uid", "in": "header"}, "uid", "path_uid")


def test_two_shapes_with_one_name_are_an_error():
    components = Components()
    components.schemas["KeyRequest"] = {"type": "string"}
    with pytest.raises(TypeError, match="'KeyRequest'"):
        components.struct_schemas([KeyRequest])


async def test_the_document_and_the_page_are_open_to_anyone(new_door):
    door = await new_door(root_path="/beamline")
    async with door.client() as http:
        document = (await http.get("/beamline/openapi.json")).json()
        page = await http.get("/beamline/docs")
    assert document["servers"] == [{"url": "/beamline"}]
    assert document["paths"] == DOCUMENT["paths"]
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert not re.findall(r"<script|<link|<img|https?://|url\(", page.text)
    for operation in OPERATIONS.values():
        assert f'id="{operation["operationId"]}"' in page.text
    targets = set(re.findall(r'href="#([^"]+)"', page.text))
    assert targets <= set(re.findall(r'id="([^"]+)"', page.text))
