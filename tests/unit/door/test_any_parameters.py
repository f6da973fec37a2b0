"""Whatever a client sends as parameters, the answer is a refusal or a reply, never an unexpected error."""

import json
import random
from urllib.parse import quote

from bluesky_qs.api import METHODS
from bluesky_qs.api.paths import PATHS

LEAVES = (None, True, -1, 10**20, 1e300, "front", "x\ud800", "", "é\0", "NaN", "a" * 300)
KEYS = ("item_uid", "name", "args", "kwargs", "item_type", "\ud800", "meta")
LEFT_OUT = ("manager_stop", "manager_kill", "environment_open")  # the manager would end, or have other states
PLANS = (
    "(" * 5000,
    "count(" + "[" * 3000,
    "count(" + "-" * 5000 + "1)",
    "count(9**9**9)",
    "count('a' * 10**10)",
    "count(\x00)",
    "count([0] * 10**9)",
    "count(1e400)",
    "count(**{1: 2})",
    "count(x=" + "1+" * 20000 + "1)",
    "$x",
)


def value(chosen, depth=0):
    """Any JSON value, and some that only Python's json can write."""
    kind = chosen.randrange(4 if depth < 3 else 2)
    if kind < 2:
        return chosen.choice(LEAVES)
    if kind == 2:
        return [value(chosen, depth + 1) for _ in range(chosen.randrange(4))]
    return {chosen.choice(KEYS): value(chosen, depth + 1) for _ in range(chosen.randrange(4))}


def sent(chosen, method):
    """Options of a request with some parameters: in the query, in the body, or in half a body."""
    names = (*METHODS[method].parameters, "reduced", "client_name", "unknown")
    params = {chosen.choice(names): value(chosen) for _ in range(chosen.randrange(4))}
    if chosen.random() < 0.3:
        texts = {name: json.dumps(each) for name, each in params.items()}
        return "?" + "&".join(f"{name}={quote(text)}" for name, text in texts.items()), b""
    body = json.dumps(params).encode()
    return "", body[: chosen.randrange(len(body) + 1)] if chosen.random() < 0.1 else body


async def test_random_parameters_are_answered(door):
    chosen = random.Random(5)
    for method, path in sorted(PATHS.items()) * 8:
        if method in LEFT_OUT:
            continue
        query, body = sent(chosen, method)
        response = await door.http.request(path.verb, f"/api{path.path}{query}", content=body)
        assert response.status_code in (200, 400, 422), (method, query, body, response.text)
        response.json()


async def test_half_a_character_is_answered_wherever_it_is(door):
    for path, body in (
        ("/queue/item/add", rb'{"item": {"item_uid": [1], "args": "\ud800"}}'),
        ("/queue/item/add", rb'{"item": {"\ud800": 1}}'),
        ("/queue/item/add", rb'{"item": {}, "client_name": "\ud800"}'),
        ("/queue/item/add", rb'{"item": {}, "request_id": "\ud800"}'),
        ("/permissions/set", rb'{"user_group_permissions": {"\ud800": 1}}'),
        ("/plan/parse", rb'{"text": "\ud800"}'),
    ):
        response = await door.http.post(f"/api{path}", content=body)
        assert response.status_code in (200, 400), (path, body)
        assert not response.json().get("success", False)


async def test_plans_that_are_made_to_do_harm_are_refused(door):
    for text in PLANS:
        reply = await door.post("/plan/parse", text=text)
        assert reply["success"] is False, text[:30]
