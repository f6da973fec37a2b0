"""No secret is in a log at any level, in the answer to a wrong request, or in the text of an object."""

import gc
import logging

import pytest

from bluesky_qs.door.signin.settings import read_sign_in

from .conftest import PASSWORDS, SECRETS, sections

#: Those of the test's own client.
_CLIENT = ("httpx", "httpcore")
_WRONG_PASSWORD = "wr0ng-but-nearly-right"
_AS_NAME = "typed-into-the-wrong-field"


@pytest.fixture
def written(caplog):
    """What the logs of the server have said, at every level."""
    root, level = logging.getLogger(), logging.getLogger().level
    root.setLevel(1)
    caplog.handler.setLevel(1)
    others = {name: logging.getLogger(name).level for name in list(root.manager.loggerDict)}
    for name in others:
        if not name.startswith(("uvicorn", "websockets")):  # the door itself limits these
            logging.getLogger(name).setLevel(1)

    def lines():
        format_ = logging.Formatter("%(name)s %(levelname)s %(message)s %(args)s").format
        return "\n".join(format_(record) for record in caplog.records if not record.name.startswith(_CLIENT))

    yield lines
    root.setLevel(level)
    for name, old in others.items():
        logging.getLogger(name).setLevel(old)


async def use(http):
    """Sign in, well and badly, use everything that was got, and return all secrets."""
    secrets = [*PASSWORDS.values(), *SECRETS, _WRONG_PASSWORD, _AS_NAME]
    answers = []

    async def ask(verb, path, **options):
        answers.append(await http.request(verb, f"/api{path}", **options))
        return answers[-1]

    form = {"username": "ada", "password": PASSWORDS["ada"]}
    tokens = (await ask("POST", "/auth/provider/toy/token", data=form)).json()
    secrets += [tokens["access_token"], tokens["refresh_token"]]
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    again = (await ask("POST", "/auth/session/refresh", json={"refresh_token": tokens["refresh_token"]})).json()
    secrets += [again["access_token"], again["refresh_token"]]
    key = (await ask("POST", "/auth/apikey", headers=bearer, json={"expires_in": None})).json()["secret"]
    secrets.append(key)
    answers.clear()  # the answers so far are what secrets are for
    await ask("POST", "/auth/provider/toy/token", data={"username": "ada", "password": _WRONG_PASSWORD})
    await ask("POST", "/auth/provider/toy/token", data={"username": _AS_NAME, "password": ""})
    await ask("POST", "/auth/provider/toy/token", data={"password": PASSWORDS["ada"]})
    await ask("POST", "/auth/provider/toy/token", json=form)
    await ask("POST", "/auth/session/refresh", json={"refresh_token": tokens["access_token"]})
    await ask("POST", "/auth/session/refresh", json={"refresh": tokens["refresh_token"]})
    await ask("POST", "/auth/session/refresh", json=tokens["refresh_token"])
    await ask("POST", "/auth/session/refresh", content=f"{{{tokens['refresh_token']}")
    await ask("POST", "/auth/apikey", headers=bearer, json={"expires_in": key})
    await ask("GET", "/auth/whoami", headers=bearer)
    await ask("GET", "/status", params={"api_key": key})
    await ask("GET", "/auth/whoami")  # by the cookie
    await ask("POST", "/queue/autostart", json={"enable": False})  # without the CSRF token
    await ask("GET", "/status", headers={"Authorization": key})
    await ask("GET", "/status", headers={"Authorization": f"Basic {key}"})
    await ask("GET", "/status", headers={"Authorization": f"Bearer {key}"})
    await ask("GET", "/status", headers={"Authorization": f"ApiKey {tokens['access_token']}"})
    await ask("DELETE", "/auth/apikey", headers=bearer, params={"first_eight": key})
    await ask("GET", "/status", params={"api_key": key})
    return secrets, [answer.text for answer in answers]


async def test_no_secret_is_in_a_log_or_in_an_answer(written, users_door):
    async with users_door.client() as http:
        secrets, answers = await use(http)
    lines = written()
    assert '"method":"sign in at toy"' in lines  # the test reads the right log
    assert '"result":"refused"' in lines
    for secret in secrets:
        assert secret not in lines
        for answer in answers:
            assert secret not in answer


async def test_no_secret_is_in_the_text_of_an_object(users_door):
    async with users_door.client() as http:
        secrets, _ = await use(http)
    texts = [repr(found) for found in gc.get_objects() if "bluesky_qs.door" in str(type(found).__module__)]
    assert len(texts) > 20
    for text in texts:
        for secret in secrets:
            assert secret not in text


async def test_no_secret_is_in_the_database(users_door, tmp_path):
    async with users_door.client() as http:
        secrets, _ = await use(http)
    files = [file.read_bytes() for file in tmp_path.glob("sign-in.sqlite3*")]
    assert files
    for secret in secrets:
        assert not any(secret.encode() in file for file in files)


def test_no_secret_is_in_an_error_about_the_configuration():
    for change in ({"secret_keys": ["hunter2"]}, {"secret_keys": {"hunter2": 1}}, {"single_user_api_key": "hunter2"}):
        with pytest.raises(Exception) as refused:
            read_sign_in(sections(authentication=change), {})
        assert "hunter2" not in str(refused.value)
    with_password = sections()
    with_password["authentication"]["providers"][0]["args"] = {"users_to_passwords": {"ada": ["hunter2"]}}
    settings = read_sign_in(with_password, {})
    assert "hunter2" not in repr(settings)
