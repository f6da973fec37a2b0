"""One key for everybody: where it comes from, how it is sent, and what a cookie needs beside it."""

import asyncio
import logging

import pytest

from bluesky_qs.door.keyfile import key_in
from bluesky_qs.door.settings import SingleUser, single_user
from bluesky_qs.door.signin.credentials import CSRF_COOKIE, KEY_COOKIE
from bluesky_qs.errors import ConfigError


@pytest.fixture
async def http(door):
    """A client without the key."""
    async with door.client() as client:
        yield client


async def test_the_key_counts_in_the_header_in_any_case_and_in_the_query(door, http):
    for scheme in ("ApiKey", "Apikey", "apikey", "APIKEY"):
        assert (await http.get("/api/status", headers={"Authorization": f"{scheme} {door.key}"})).status_code == 200
    assert (await http.get(f"/api/status?api_key={door.key}")).status_code == 200


async def test_the_query_counts_before_the_header(door, http):
    right, wrong = {"Authorization": f"ApiKey {door.key}"}, {"Authorization": "ApiKey wrong"}
    assert (await http.get(f"/api/status?api_key={door.key}", headers=wrong)).status_code == 200
    http.cookies.clear()
    assert (await http.get("/api/status?api_key=wrong", headers=right)).status_code == 401


async def test_without_a_key_the_answer_says_what_is_needed(http):
    response = await http.get("/api/queue/get")
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.headers["x-tiled-root"] == f"{http.base_url}/api"
    assert "Authorization: ApiKey" in response.json()["detail"]


async def test_a_wrong_key_is_not_shown(http):
    response = await http.get("/api/status", headers={"Authorization": "ApiKey verywrong"})
    assert (response.status_code, response.json()) == (401, {"detail": "Invalid API key"})


async def test_another_scheme_is_400(http):
    assert (await http.get("/api/status", headers={"Authorization": "Basic abc"})).status_code == 400


async def test_a_key_in_the_query_moves_to_a_cookie_that_no_script_can_read(door, http):
    response = await http.get(f"/api/status?api_key={door.key}")
    cookies = {cookie.partition("=")[0]: cookie for cookie in response.headers.get_list("set-cookie")}
    assert "HttpOnly" in cookies[KEY_COOKIE]
    assert "HttpOnly" not in cookies[CSRF_COOKIE]
    assert all("SameSite=lax" in cookie for cookie in cookies.values())
    assert (await http.get("/api/status")).status_code == 200


async def test_a_wrong_key_in_the_query_sets_no_cookie(http):
    response = await http.get("/api/status?api_key=wrong")
    assert response.status_code == 401
    assert "set-cookie" not in response.headers


async def test_a_cookie_changes_something_only_with_its_token(door, http):
    await http.get(f"/api/status?api_key={door.key}")
    token = http.cookies[CSRF_COOKIE]
    for query, headers in (("", {}), ("", {"x-csrf": "another"}), ("?csrf=another", {})):
        response = await http.post(f"/api/queue/clear{query}", headers=headers)
        assert response.status_code == 403
        assert response.headers["content-type"].startswith("text/plain")
    assert (await http.post("/api/queue/clear", headers={"x-csrf": token})).json()["success"]
    assert (await http.post(f"/api/queue/clear?csrf={token}")).json()["success"]


async def test_anonymous_clients_see_the_status_only_where_that_is_allowed(new_door):
    door = await new_door(single_user=SingleUser(key="abc", anonymous=True))
    async with door.client() as http:
        assert (await http.get("/api/status")).status_code == 200
        response = await http.get("/api/queue/get")
    assert response.status_code == 401
    assert response.json()["detail"] == (
        "Not enough permissions. Requires scopes ['read:queue']. Request had scopes ['read:status']"
    )


async def test_what_strangers_may_not_do_does_not_fill_the_audit_log(new_door, caplog):
    caplog.set_level(logging.INFO, "bluesky_qs.door.audit")
    door = await new_door(single_user=SingleUser(key="abc", anonymous=True))
    async with door.client() as http:
        for verb, path in (("POST", "/queue/clear"), ("GET", "/auth/principal")):
            assert (await http.request(verb, f"/api{path}")).status_code == 401
        await http.post("/api/queue/clear", headers={"Authorization": "ApiKey abc"})
    (line,) = [record.getMessage() for record in caplog.records if record.name == "bluesky_qs.door.audit"]
    assert '"result":"accepted"' in line


async def test_the_group_is_admin_where_there_is_no_primary(new_door, manager):
    manager.answers["permissions_get"] = {"success": True, "user_group_permissions": {"user_groups": {"admin": {}}}}
    manager.answers["plans_allowed"] = {"success": True}
    door = await new_door()
    await door.get("/plans/allowed")
    assert ("plans_allowed", {"user_group": "admin"}) in manager.requests


async def test_a_service_that_does_not_answer_delays_one_request_a_little(door, monkeypatch):
    asked = []

    async def never(method):
        asked.append(method)
        await asyncio.Event().wait()

    monkeypatch.setattr(door.door.default, "call", never)
    for _ in range(3):
        await door.get("/instruments")
    assert asked == ["permissions_get"]


async def test_the_group_of_the_settings_counts(new_door, manager):
    manager.answers["plans_allowed"] = {"success": True}
    door = await new_door(single_user=SingleUser(key="abc", user_group="night"))
    await door.http.get("/api/plans/allowed?api_key=abc")
    assert ("plans_allowed", {"user_group": "night"}) in manager.requests


def test_a_generated_key_is_its_owners_only_and_stays(tmp_path):
    file = tmp_path / "new folder" / "key"
    key = key_in(file)
    assert len(key) == 64
    assert file.stat().st_mode & 0o777 == 0o600
    assert key_in(file) == key
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_others_can_read_or_without_a_key_is_refused(tmp_path):
    file = tmp_path / "key"
    file.write_text("secretkey")
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600") as open_file:
        key_in(file)
    file.chmod(0o600)
    assert key_in(file) == "secretkey"
    file.write_text("secret key!")
    with pytest.raises(ConfigError, match="letters and digits") as no_key:
        key_in(file)
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="bytes that are not text"):
        key_in(file)
    assert "secret" not in f"{open_file.value} {no_key.value}"


def test_the_key_comes_from_the_variable_of_the_community_s_server():
    settings = single_user({"QSERVER_HTTP_SERVER_SINGLE_USER_API_KEY": "abc123"})
    assert (settings.key, settings.anonymous) == ("abc123", False)
    assert "abc123" not in repr(settings)
    assert single_user({"QSERVER_HTTP_SERVER_ALLOW_ANONYMOUS_ACCESS": "1"}).anonymous
    with pytest.raises(ConfigError, match="letters and digits") as error:
        single_user({"QSERVER_HTTP_SERVER_SINGLE_USER_API_KEY": "abc-123"})
    assert "abc-123" not in str(error.value)
