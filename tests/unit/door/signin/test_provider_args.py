"""What a configuration file may say about PAM, LDAP and OIDC. No message contains a value."""

import pytest

from bluesky_qs.door.signin.registry import providers
from bluesky_qs.errors import ConfigError

SECRET = "kept-to-itself"
OIDC = {"client_id": "door", "client_secret": SECRET, "well_known_uri": "https://id.example.org/.well-known/x"}
LDAP = {"server_address": "ldap.example.org", "bind_dn_template": "uid={username},dc=example"}


def entry(authenticator, args):
    return [{"provider": "facility", "authenticator": authenticator, "args": args}]


@pytest.mark.parametrize(
    ("authenticator", "args"),
    [
        ("bluesky_httpserver.authenticators:PAMAuthenticator", {"service": "login", "confirmation_message": "Hello"}),
        ("bluesky_httpserver.authenticators:PAMAuthenticator", None),
        ("pam", {}),
        ("bluesky_httpserver.authenticators:LDAPAuthenticator", LDAP | {"use_tls": False, "server_port": 1389}),
        ("ldap", LDAP | {"server_address": ["one", "two:389", "[::1]:389"], "allowed_groups": None}),
        ("ldap", {"server_address": "a", "lookup_dn": True, "user_search_base": "b", "user_attribute": "uid"}),
        ("bluesky_httpserver.authenticators:OIDCAuthenticator", OIDC | {"audience": "door"}),
        ("oidc", {"client_id": "door", "issuer": "http://127.0.0.1:8080/realm"}),
        (
            "oidc",
            {
                "client_id": "door",
                "client_secret": SECRET,
                "token_uri": "https://id.example.org/token",
                "authorization_endpoint": "https://id.example.org/authorize?client_id={client_id}",
                "public_keys": [{"kty": "RSA", "alg": "RS256", "kid": "one", "use": "sig", "n": "sXch", "e": "AQAB"}],
                "redirect_uri": "https://door.example.org/api/auth/provider/facility/code",
            },
        ),
    ],
)
async def test_the_arguments_of_bluesky_httpserver_and_the_short_names_are_accepted(authenticator, args):
    made = providers(entry(authenticator, args))["facility"]
    assert made.name == "facility"
    assert made.confirmation_message == (args or {}).get("confirmation_message", "")
    await made.close()


@pytest.mark.parametrize(
    ("authenticator", "args", "message"),
    [
        ("pam", {"servic": SECRET}, "unknown argument 'servic' (did you mean 'service'?)"),
        ("pam", {"service": ["x"]}, "the argument 'service' must be of the type str"),
        ("ldap", {}, "the argument 'server_address' is missing"),
        ("ldap", {"server_address": "a"}, "give 'bind_dn_template', or 'lookup_dn' with"),
        ("ldap", {"server_address": "a", "lookup_dn": True}, "'lookup_dn' needs the arguments 'user_search_base'"),
        ("ldap", {"server_address": [], "bind_dn_template": "x"}, "'server_address' is empty"),
        ("ldap", LDAP | {"bind_dn_template": "uid={user}"}, "may contain only the placeholders {username}; write any"),
        ("ldap", LDAP | {"bind_dn_template": "uid={"}, "'bind_dn_template' may contain only the placeholders"),
        ("ldap", LDAP | {"group_filter": "(member={x})"}, "placeholders {dn}, {username}; write any other brace twice"),
        ("ldap", LDAP | {"valid_username_regex": "["}, "'valid_username_regex' is not a regular expression"),
        ("ldap", LDAP | {"ca_file": "/no/such/file"}, "'ca_file' cannot be used: No such file or directory"),
        ("oidc", OIDC | {"ca_file": __file__}, "'ca_file' cannot be used: it contains no certificates"),
        ("ldap", LDAP | {"search_filter": "(uid=x)"}, "'search_filter' needs the argument 'user_search_base'"),
        ("ldap", LDAP | {"auth_state_attributes": ["mail"]}, "'auth_state_attributes' is not supported"),
        ("oidc", {"client_secret": SECRET}, "the argument 'client_id' is missing"),
        ("oidc", {"client_id": "door"}, "the argument 'well_known_uri' is missing"),
        ("oidc", OIDC | {"well_known_uri": "http://id.example.org/x"}, "'well_known_uri' must begin with https://"),
        ("oidc", OIDC | {"client_secret": 5}, "the argument 'client_secret' must be of the type str"),
        ("oidc", OIDC | {"redirect_on_success": "/"}, "'redirect_on_success' is not supported"),
        ("bluesky_httpserver.authenticators:SAMLAuthenticator", {}, "SAMLAuthenticator' is not supported"),
    ],
)
def test_what_is_not_supported_or_mistyped_is_refused_by_name(authenticator, args, message):
    with pytest.raises(ConfigError) as refused:
        providers(entry(authenticator, args))
    assert "'facility'" in refused.value.message
    assert message in refused.value.message
    assert SECRET not in refused.value.message
