"""Signing in at a door with users, and at a scripted server."""

import inspect
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import bluesky_qs.aio
from bluesky_qs import errors
from bluesky_qs.client.items import BPlan
from bluesky_qs.client.sync import REManagerAPI

from .conftest import TOKENS

EXPIRED = (401, {"detail": "Access token has expired. Refresh token."})
REFRESH = ("POST", "/api/auth/session/refresh")


async def done(value):
    return await value if inspect.isawaitable(value) else value


@pytest.fixture
def users_door(new_http_door, qs_manager):
    return new_http_door(qs_manager, users=True)


@pytest.fixture(params=["blocking", "asyncio"])
async def either(request, users_door):
    """A client over HTTP of either kind, not signed in."""
    kind = {"blocking": REManagerAPI, "asyncio": bluesky_qs.aio.REManagerAPI}[request.param]
    manager = kind(http_server_uri=users_door.url, http_auth_provider="/toy/token")
    yield manager
    await done(manager.close())


async def test_whoever_signs_in_is_named_in_items(either):
    with pytest.raises(either.HTTPClientError, match="Not signed in"):
        await done(either.status())
    tokens = await done(either.login("ada", password="of-ada-1815"))
    assert either.auth_method is either.AuthorizationMethods.TOKEN
    assert either.auth_key == (tokens["access_token"], tokens["refresh_token"])
    assert (await done(either.item_add(BPlan("count", ["det1"]))))["item"]["user"] == "ada"
    await done(either.identify())
    assert (either.user, either.user_group) == ("ada", "primary")


async def test_a_wrong_password_and_somebody_without_a_role_are_told_why(either):
    with pytest.raises(either.HTTPClientError, match=r"Not signed in at http.* as ada: Incorrect username or password"):
        await done(either.login("ada", password="of-somebody-else"))
    with pytest.raises(either.HTTPClientError, match="as eve: User is not authorized"):
        await done(either.login("eve", password="of-eve-1999"))
    assert either.auth_method is either.AuthorizationMethods.NONE


async def test_what_the_sign_in_does_not_permit_is_refused(either):
    await done(either.login("olga", password="of-olga-1888"))
    sentence = (
        "may not use queue_clear: that needs the scope write:queue:edit. Ask the administrator of the server for it."
    )
    with pytest.raises(either.HTTPClientError) as caught:
        await done(either.queue_clear())
    assert str(caught.value) == f"You {sentence}"
    assert caught.value.response.json()["detail"].startswith("Not enough permissions. Requires scopes [")
    await done(either.identify())
    with pytest.raises(either.HTTPClientError) as caught:
        await done(either.queue_clear())
    assert str(caught.value) == f"You (olga) {sentence}"
    with pytest.raises(either.HTTPClientError, match="may not use POST /api/queue/clear: that needs"):
        await done(either.send_request(method=("POST", "/api/queue/clear")))


async def test_keys_are_made_used_and_deleted(either):
    await done(either.login("ada", password="of-ada-1815"))
    made = await done(either.apikey_new(expires_in=900, scopes=["read:status", "user:apikeys"], note="for a script"))
    assert (await done(either.apikey_info(api_key=made["secret"])))["note"] == "for a script"
    assert (await done(either.api_scopes(api_key=made["secret"])))["scopes"] == ["read:status", "user:apikeys"]
    either.set_authorization_key(api_key=made["secret"])
    assert (either.auth_method.name, either.auth_key) == ("API_KEY", made["secret"])
    await done(either.status())
    await done(either.apikey_delete(first_eight=made["first_eight"]))
    with pytest.raises(either.HTTPClientError, match="Not signed in"):
        await done(either.status(reload=True))


async def test_sessions_are_listed_refreshed_and_revoked(either):
    first = await done(either.login("ada", password="of-ada-1815"))
    assert (await done(either.session_refresh()))["refresh_token"] == either.auth_key[1] != first["refresh_token"]
    (session,) = (await done(either.whoami()))["sessions"]
    assert (await done(either.session_revoke(session_uid=session["uuid"])))["success"]
    with pytest.raises(either.HTTPClientError):
        await done(either.session_refresh())


async def test_administrators_see_everybody(either):
    await done(either.login("ada", password="of-ada-1815"))
    (ada,) = await done(either.principal_info())
    assert (await done(either.principal_info(principal_uid=ada["uuid"])))["identities"][0]["id"] == "ada"
    made = await done(either.apikey_new(expires_in=900, principal_uid=ada["uuid"]))
    assert (await done(either.whoami(api_key=made["secret"])))["uuid"] == ada["uuid"]


async def test_logging_out_ends_the_session_and_requests_are_not_signed(either):
    await done(either.login("ada", password="of-ada-1815"))
    token, refresh_token = either.auth_key
    assert await done(either.logout()) == {}
    assert either.auth_key is None
    with pytest.raises(either.HTTPClientError, match="Session has expired"):
        await done(either.session_refresh(refresh_token=refresh_token))
    with pytest.raises(either.HTTPClientError):
        await done(either.whoami(token=token))


def test_the_only_provider_need_not_be_named(users_door):
    with REManagerAPI(http_server_uri=users_door.url) as manager:
        assert manager.login("ada", password="of-ada-1815")["token_type"] == "bearer"


def test_what_is_missing_is_asked_for(users_door, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda _: "ada")
    monkeypatch.setattr("bluesky_qs.client.signing_in.getpass", lambda _: "of-ada-1815")
    with REManagerAPI(http_server_uri=users_door.url) as manager:
        manager.login()
        assert manager.status()["manager_state"] == "idle"


def status_for(*headers):
    """Answers the status to requests with one of these headers; says to others that their token has expired."""
    return lambda got: {"msg": got.authorization} if got.authorization in headers else EXPIRED


def test_an_expired_token_is_refreshed_and_the_request_repeated(scripted, scripted_RM):
    scripted.answers["GET", "/api/status"] = status_for("Bearer A1")
    scripted.answers[REFRESH] = TOKENS
    scripted_RM.set_authorization_key(token="A0", refresh_token="R0")
    assert scripted_RM.status()["msg"] == "Bearer A1"
    assert [(got.path, got.authorization, got.body) for got in scripted.got] == [
        ("/api/status", "Bearer A0", "{}"),
        ("/api/auth/session/refresh", None, '{"refresh_token": "R0"}'),
        ("/api/status", "Bearer A1", "{}"),
    ]
    assert scripted_RM.auth_key == ("A1", "R1")


def test_a_refresh_token_alone_is_exchanged_before_the_first_request(scripted, scripted_RM):
    scripted.answers["GET", "/api/status"] = status_for("Bearer A1")
    scripted.answers[REFRESH] = TOKENS
    scripted_RM.set_authorization_key(refresh_token="R0")
    assert scripted_RM.status()["msg"] == "Bearer A1"
    assert scripted.got[0].path == "/api/auth/session/refresh"


def test_threads_whose_token_has_expired_refresh_it_once(scripted, scripted_RM):
    both = threading.Barrier(2)

    def status(got):
        if got.authorization == "Bearer A1":
            return {"msg": "ok"}
        both.wait(30)
        return EXPIRED

    scripted.answers["GET", "/api/status"] = status
    scripted.answers[REFRESH] = TOKENS
    scripted_RM.set_authorization_key(token="A0", refresh_token="R0")
    with ThreadPoolExecutor(2) as pool:
        assert [reply["msg"] for reply in pool.map(lambda _: scripted_RM.status(), range(2))] == ["ok", "ok"]
    assert [got.path for got in scripted.got].count("/api/auth/session/refresh") == 1


def test_a_session_that_has_ended_says_to_sign_in_again(scripted, scripted_RM):
    scripted.answers["GET", "/api/status"] = EXPIRED
    scripted.answers[REFRESH] = (401, {"detail": "Session has expired. Please re-authenticate."})
    scripted_RM.set_authorization_key(token="A0", refresh_token="R0")
    with pytest.raises(scripted_RM.HTTPClientError, match=r"Session has expired. Please re-authenticate. Sign in with"):
        scripted_RM.status()


@pytest.mark.parametrize(
    "detail",
    [
        "User is not authorized to access the server: no rule gives ada a role. Ask the administrator",
        "Permissions for the user are revoked. Please contact the administrator",
    ],
)
def test_whoever_has_no_role_any_more_is_not_told_to_sign_in_again(scripted, scripted_RM, detail):
    scripted.answers["GET", "/api/status"] = (401, {"detail": detail})
    with pytest.raises(scripted_RM.HTTPClientError) as caught:
        scripted_RM.status()
    assert str(caught.value) == f"Not signed in at {scripted.url}: {detail}."


def test_without_auto_refresh_the_caller_sees_that_the_token_has_expired(scripted, scripted_RM):
    scripted.answers["GET", "/api/x"] = EXPIRED
    scripted_RM.set_authorization_key(token="A0", refresh_token="R0")
    with pytest.raises(scripted_RM.HTTPClientError, match="Access token has expired"):
        scripted_RM.send_request(method=("GET", "/api/x"), auto_refresh_session=False)
    assert len(scripted.got) == 1


def test_a_browser_on_another_computer_signs_in(scripted, scripted_RM):
    code = {"authorization_uri": "https://idp.example/device?c=AB", "verification_uri": "x", "interval": 0.01}
    scripted.answers["POST", "/api/auth/provider/idp/authorize"] = {
        **code, "device_code": "D", "expires_in": 600, "user_code": "ABCD-EFGH"
    }  # fmt: skip
    polls = [(400, {"detail": {"error": "authorization_pending"}}), TOKENS]
    scripted.answers["POST", "/api/auth/provider/idp/token"] = lambda _: polls.pop(0)
    scripted.answers["GET", "/api/auth/providers"] = {"providers": [{"provider": "idp", "mode": "external"}]}
    shown = []
    scripted_RM.device_login(shown.append)
    assert [(each.address, each.user_code) for each in shown] == [("https://idp.example/device?c=AB", "ABCD-EFGH")]
    assert scripted_RM.auth_key == ("A1", "R1")
    assert scripted.got[-1].body == '{"device_code": "D", "wait": 5.0}'


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("expired_token", "Not signed in: the code has expired"),
        ("access_denied", "Not signed in: the sign-in in the browser was refused"),
        ("other", "other"),
    ],
)
def test_a_browser_that_did_not_sign_in_is_an_error(scripted, scripted_RM, state, sentence):
    scripted.answers["POST", "/api/auth/provider/idp/authorize"] = {
        "verification_uri": "x", "interval": 0.01, "device_code": "D", "expires_in": 600, "user_code": "ABCD-EFGH"
    }  # fmt: skip
    scripted.answers["POST", "/api/auth/provider/idp/token"] = (400, {"detail": {"error": state}})
    with pytest.raises(scripted_RM.HTTPClientError, match=sentence):
        scripted_RM.device_login(lambda _: None, provider="idp")


def test_several_providers_must_be_chosen_from(scripted, scripted_RM):
    listed = [{"provider": name, "mode": "password"} for name in ("site", "ldap")]
    scripted.answers["GET", "/api/auth/providers"] = {"providers": listed}
    with pytest.raises(errors.BadParams, match="provider=… is one of site, ldap"):
        scripted_RM.login("ada", password="x")


def test_answers_that_are_no_tokens_are_an_error(scripted, scripted_RM):
    scripted.answers["POST", "/api/auth/provider/site/token"] = {"success": True}
    with pytest.raises(scripted_RM.HTTPRequestError, match="did not answer the sign-in with tokens"):
        scripted_RM.login("ada", password="x", provider="site")


@pytest.mark.parametrize("provider", [None, "site"])
def test_signing_in_at_another_server_says_to_check_the_address(scripted, scripted_RM, provider):
    scripted.answers["GET", "/api/status"] = (404, "<html>Not Found</html>")
    with pytest.raises(scripted_RM.HTTPRequestError, match=r"is not a Bluesky HTTP server: .* Check the address"):
        scripted_RM.login("ada", password="x", provider=provider)
    with pytest.raises(scripted_RM.HTTPRequestError, match="Check the address"):
        scripted_RM.auth_providers()


def test_an_unknown_provider_of_a_right_server_is_no_wrong_address(scripted, scripted_RM):
    scripted.answers["GET", "/api/status"] = (401, {"detail": "Not signed in"})
    with pytest.raises(scripted_RM.HTTPClientError, match="404: Not Found"):
        scripted_RM.login("ada", password="x", provider="site")


def test_an_empty_password_is_not_sent(scripted, scripted_RM):
    with pytest.raises(errors.BadParams, match="the password is empty"):
        scripted_RM.login("ada", password="")
    assert scripted.got == []


@pytest.mark.parametrize(
    "keys", [{"api_key": "a", "token": "b"}, {"api_key": 5}, {"api_key": ""}, {"token": "a b"}, {"api_key": "a\nb"}]
)
def test_keys_that_cannot_be_are_refused(scripted_RM, keys):
    with pytest.raises(errors.BadParams):
        scripted_RM.set_authorization_key(**keys)


def test_only_refreshing_needs_a_refresh_token(scripted_RM):
    with pytest.raises(errors.BadParams, match="no refresh token"):
        scripted_RM.session_refresh()
