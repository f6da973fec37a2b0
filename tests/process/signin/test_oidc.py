"""Sign-in at a real OpenID Connect provider, npm's `oidc-provider`, as `OIDCProvider` does it for the door."""

import base64
import hashlib
import logging
import secrets
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import KeySet

from bluesky_qs.door.signin.provider import ProviderUnavailable, SignInRefused
from bluesky_qs.door.signin.providers.oidc import oidc_provider

pytestmark = pytest.mark.xdist_group("the identity provider of test_oidc.py")

REDIRECT = "http://127.0.0.1:1/callback"
SCOPES = ["profile", "email", "groups"]


@pytest.fixture(scope="module")
def identity_provider(new_identity_provider):
    return new_identity_provider(REDIRECT)


class Attempt:
    """One sign-in, with what the door makes for it and keeps."""

    def __init__(self):
        self.state, self.nonce, self.verifier = (secrets.token_urlsafe(32) for _ in range(3))
        digest = hashlib.sha256(self.verifier.encode()).digest()
        self.challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    async def begin(self, provider):
        return await provider.authorize_url(
            redirect_uri=REDIRECT, state=self.state, nonce=self.nonce, code_challenge=self.challenge
        )

    async def finish(self, provider, code, **changes):
        given = {"code": code, "redirect_uri": REDIRECT, "nonce": self.nonce, "code_verifier": self.verifier}
        return await provider.exchange(**given | changes)


@pytest.fixture
async def new_provider():
    """Makes our side of the sign-in; it ends with the test."""
    made = []

    def new(server, **args):
        settings = {**server.CLIENT, "well_known_uri": server.well_known_uri, "scopes": SCOPES}
        made.append(oidc_provider("facility", {k: v for k, v in (settings | args).items() if v is not None}))
        return made[-1]

    yield new
    for each in made:
        await each.close()


async def code_for(attempt, provider, server, user="jdoe"):
    """The code that the browser brings back."""
    came_back = urlsplit(server.sign_in(await attempt.begin(provider), user))
    query = parse_qs(came_back.query)
    assert query["state"] == [attempt.state]
    return query["code"][0]


async def sign_in(provider, server, user="jdoe", **changes):
    attempt = Attempt()
    return await attempt.finish(provider, await code_for(attempt, provider, server, user), **changes)


async def test_a_user_who_signs_in_is_known_with_groups_and_claims(identity_provider, new_provider):
    identity = await sign_in(new_provider(identity_provider), identity_provider)
    assert (identity.id, identity.provider) == ("jdoe", "facility")
    assert (identity.display_name, identity.mail) == ("John Doe", "jdoe@example.org")
    assert identity.groups == {"beamline-staff", "users"}
    assert identity.claims["sub"] == "jdoe"
    assert identity.claims["iss"] == identity_provider.issuer
    assert identity.claims.keys().isdisjoint({"nonce", "exp", "iat", "at_hash"})


async def test_a_code_is_worth_nothing_with_another_verifier(identity_provider, new_provider):
    with pytest.raises(SignInRefused, match="no longer accepts this sign-in"):
        await sign_in(new_provider(identity_provider), identity_provider, code_verifier=secrets.token_urlsafe(32))


async def test_a_code_can_be_used_once(identity_provider, new_provider):
    provider, attempt = new_provider(identity_provider), Attempt()
    code = await code_for(attempt, provider, identity_provider)
    await attempt.finish(provider, code)
    with pytest.raises(SignInRefused, match="no longer accepts this sign-in"):
        await attempt.finish(provider, code)


async def test_a_token_for_another_sign_in_is_refused(identity_provider, new_provider):
    with pytest.raises(SignInRefused, match="not valid here"):
        await sign_in(new_provider(identity_provider), identity_provider, nonce="that of somebody else")


async def test_a_token_for_another_audience_is_refused(identity_provider, new_provider):
    with pytest.raises(SignInRefused, match="not valid here"):
        await sign_in(new_provider(identity_provider, audience="another program"), identity_provider)


async def test_a_wrong_client_secret_is_named_as_the_reason(identity_provider, new_provider):
    with pytest.raises(SignInRefused, match="invalid_client"):
        await sign_in(new_provider(identity_provider, client_secret="wrong"), identity_provider)


async def test_a_user_name_can_be_another_claim_without_its_domain(identity_provider, new_provider):
    provider = new_provider(identity_provider, user_claim="email", strip_domain="example.org")
    assert (await sign_in(provider, identity_provider)).id == "jdoe"


async def test_an_address_that_the_provider_has_not_verified_is_no_user_name(identity_provider, new_provider):
    with pytest.raises(SignInRefused, match="did not send your user name"):
        await sign_in(new_provider(identity_provider, user_claim="email"), identity_provider, user="nameless")


async def test_without_a_user_name_the_subject_is_used(identity_provider, new_provider):
    identity = await sign_in(new_provider(identity_provider), identity_provider, user="nameless")
    assert (identity.id, identity.groups) == ("nameless", frozenset())


async def test_groups_can_be_a_claim_inside_another(identity_provider, new_provider):
    provider = new_provider(identity_provider, groups_claim="realm_access.roles")
    assert (await sign_in(provider, identity_provider)).groups == {"operator"}


async def test_no_secret_is_logged_at_any_level(identity_provider, new_provider, caplog):
    caplog.set_level(logging.DEBUG)
    provider, attempt = new_provider(identity_provider), Attempt()
    code = await code_for(attempt, provider, identity_provider)
    caplog.clear()  # the browser of the test has logged its addresses
    await attempt.finish(provider, code)
    with pytest.raises(SignInRefused):
        await attempt.finish(provider, code)
    with pytest.raises(SignInRefused):
        await sign_in(provider, identity_provider, nonce="other")
    assert "the identity provider refused the code: invalid_grant" in caplog.text
    for secret in (code, attempt.verifier, attempt.nonce, identity_provider.CLIENT["client_secret"], "eyJ"):
        assert secret not in caplog.text


async def test_the_configuration_file_of_an_old_bluesky_httpserver_works(identity_provider, new_provider):
    identity = await sign_in(
        new_provider(
            identity_provider,
            well_known_uri=None,
            scopes=None,
            token_uri=f"{identity_provider.issuer}/token",
            authorization_endpoint=f"{identity_provider.issuer}/auth?client_id={{client_id}}&response_type=code"
            "&scope=openid%20email&redirect_uri={redirect_uri}",
            redirect_uri=REDIRECT,
            public_keys=KeySet.import_key_set({"keys": identity_provider.options["keys"]}).as_dict()["keys"],
            confirmation_message="You have signed in",
        ),
        identity_provider,
        redirect_uri="http://elsewhere/",
    )
    assert (identity.id, identity.mail) == ("jdoe", "jdoe@example.org")


async def test_a_token_of_a_foreign_provider_is_refused(identity_provider, new_identity_provider, new_provider):
    foreign = new_identity_provider(REDIRECT)
    keys = KeySet.import_key_set({"keys": identity_provider.options["keys"]}).as_dict()["keys"]
    endpoints = {"token_uri": f"{foreign.issuer}/token", "authorization_endpoint": f"{foreign.issuer}/auth"}
    provider = new_provider(foreign, well_known_uri=None, public_keys=keys, **endpoints)
    with pytest.raises(SignInRefused, match="not valid here"):
        await sign_in(provider, foreign)
    foreign_keys = KeySet.import_key_set({"keys": foreign.options["keys"]}).as_dict()["keys"]
    issuer = {"issuer": identity_provider.issuer}
    provider = new_provider(foreign, well_known_uri=None, public_keys=foreign_keys, **endpoints, **issuer)
    with pytest.raises(SignInRefused, match="not valid here"):
        await sign_in(provider, foreign)


async def test_changed_keys_are_read_again(new_identity_provider, new_provider, new_key):
    server = new_identity_provider(REDIRECT)
    provider = new_provider(server)
    await sign_in(provider, server)
    server.restart(keys=[new_key("second"), new_key("third")])
    assert (await sign_in(provider, server)).id == "jdoe"
    server.restart(keys=[new_key("second")])  # another key with the same name
    assert (await sign_in(provider, server)).id == "jdoe"


async def test_an_expired_token_is_refused(new_identity_provider, new_provider, caplog):
    server = new_identity_provider(REDIRECT, tokens_from_the_past=3600)
    with pytest.raises(SignInRefused, match="not valid here"):
        await sign_in(new_provider(server), server)
    assert "ExpiredTokenError exp" in caplog.text


async def test_a_token_signed_with_the_client_secret_is_refused(identity_provider, new_identity_provider, new_provider):
    client = {**identity_provider.CLIENT, "id_token_signed_response_alg": "HS256"}
    server = new_identity_provider(REDIRECT, clients=[client])
    with pytest.raises(SignInRefused, match="not valid here"):
        await sign_in(new_provider(server), server)


async def test_a_public_client_has_no_secret_and_claims_may_be_elsewhere(new_identity_provider, new_provider):
    client = {"client_id": "public", "token_endpoint_auth_method": "none"}
    server = new_identity_provider(REDIRECT, clients=[client], claims_at_userinfo_only=True)
    identity = await sign_in(new_provider(server, client_id="public", client_secret=None), server)
    assert (identity.id, identity.mail) == ("jdoe", "jdoe@example.org")
    assert identity.groups == {"beamline-staff", "users"}


async def test_a_provider_that_is_down_is_not_a_refusal(new_identity_provider, new_provider):
    server = new_identity_provider(REDIRECT)
    provider, attempt = new_provider(server), Attempt()
    code = await code_for(attempt, provider, server)
    server.close()
    with pytest.raises(ProviderUnavailable, match="cannot be reached now"):
        await attempt.finish(provider, code)
    with pytest.raises(ProviderUnavailable, match="cannot be reached now"):
        await Attempt().begin(new_provider(server))
