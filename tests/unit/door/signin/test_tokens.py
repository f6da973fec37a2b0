import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from bluesky_qs.door.signin.tokens import ExpiredToken, InvalidToken, Signer
from bluesky_qs.errors import ConfigError

FIRST, SECOND = "f" * 64, "s" * 64
NOW = 1_700_000_000.0


def access_token(signer=None, **changes):
    claims = {
        "principal": "0" * 32,
        "session": "1" * 32,
        "scopes": ["read:status"],
        "identities": [("toy", "ada")],
        "expires": NOW + 900,
    }
    return (signer or Signer([FIRST])).access_token(**{**claims, **changes})


def forged(header, claims, key=FIRST):
    return jwt.encode(header, claims, OctKey.import_key(key), algorithms=[header["alg"]])


def test_an_access_token_has_the_claims_that_the_community_server_gives():
    claims = Signer([FIRST]).read_access(access_token(), now=NOW)
    assert claims.sub == "0" * 32
    assert claims.sub_typ == "user"
    assert claims.scp == ["read:status"]
    assert claims.ids == [{"id": "ada", "idp": "toy"}]
    assert claims.exp == NOW + 900
    assert claims.type == "access"


def test_the_first_key_signs_and_all_keys_verify():
    old = access_token(Signer([FIRST]))
    both = Signer([SECOND, FIRST])
    assert both.read_access(old, now=NOW)
    with pytest.raises(InvalidToken):
        Signer([FIRST]).read_access(access_token(both), now=NOW)


def test_a_token_expires_at_its_time():
    token = access_token()
    assert Signer([FIRST]).read_access(token, now=NOW + 899.9)
    with pytest.raises(ExpiredToken):
        Signer([FIRST]).read_access(token, now=NOW + 900)


def test_a_refresh_token_is_no_access_token_nor_the_other_way_round():
    signer = Signer([FIRST])
    with pytest.raises(InvalidToken):
        signer.read_access(signer.refresh_token(session="1" * 32, expires=NOW + 10), now=NOW)
    with pytest.raises(InvalidToken):
        signer.read_refresh(access_token(), now=NOW)


def test_two_refresh_tokens_of_one_second_differ():
    signer = Signer([FIRST])
    assert len({signer.refresh_token(session="1" * 32, expires=NOW) for _ in range(2)}) == 2


CLAIMS = {"sub": "0" * 32, "sid": "1" * 32, "exp": NOW + 900, "type": "access"}


@pytest.mark.parametrize(
    "token",
    [
        forged({"alg": "HS256"}, CLAIMS, SECOND),
        forged({"alg": "HS512"}, CLAIMS),
        forged({"alg": "HS256"}, {**CLAIMS, "exp": "never"}),
        forged({"alg": "HS256"}, {name: CLAIMS[name] for name in ("sub", "sid", "type")}),
        base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).decode().rstrip("=")
        + "."
        + base64.urlsafe_b64encode(json.dumps(CLAIMS).encode()).decode().rstrip("=")
        + ".",
    ],
    ids=["foreign key", "other algorithm", "no number as time", "no time", "not signed"],
)
def test_forged_tokens_are_not_valid(token):
    with pytest.raises(InvalidToken):
        Signer([FIRST]).read_access(token, now=NOW)


@given(st.text(max_size=80) | st.lists(st.text(alphabet="abcABC012-_=", max_size=30), max_size=5).map(".".join))
def test_any_text_is_a_valid_token_or_is_not(text):
    with pytest.raises(InvalidToken):
        Signer([FIRST]).read_access(text, now=NOW)


def test_short_secret_keys_are_refused_and_not_shown():
    with pytest.raises(ConfigError) as refused:
        Signer([FIRST, "hunter2hunter2"])
    assert "Secret key 2 is too short" in refused.value.message
    assert "hunter2" not in refused.value.message
    assert FIRST not in repr(Signer([FIRST]))
