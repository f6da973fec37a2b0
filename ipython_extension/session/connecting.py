"""Signing in at an HTTP server from the prompt: with a kept key, a password, a browser, or a key that is typed."""

import platform
from getpass import getpass
from typing import NamedTuple

from bluesky_qs.client import kept_keys
from bluesky_qs.client.authorization import AuthorizationMethods
from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.client.http_failures import HTTPClientError, NotSignedInError
from bluesky_qs.client.identity import login_name
from bluesky_qs.client.signing_in import DeviceCode, Provider, providers
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.errors import BadParams

#: Seconds for which a key is valid that this prompt makes for itself.
_KEY_LIFE = 30 * 24 * 3600


class Wish(NamedTuple):
    """What the line says on how to sign in.

    Attributes
    ----------
    user, provider
        Empty unless given.
    anew
        Sign in even if there is a key.
    """

    user: str = ""
    provider: str = ""
    anew: bool = False


def signed_in(client: REManagerAPI, wish: Wish) -> list[str]:
    """Sign the client in if the server wants it. Return sentences on what happened.

    Raises
    ------
    QSError
        The server does not answer, or refuses the sign-in.
    """
    if not (wish.anew or wish.user or wish.provider):
        try:
            client.status()
        except NotSignedInError:
            pass
        else:
            is_anonymous = client.auth_method is AuthorizationMethods.NONE
            return ["Not signed in, so you can only read the status. %qs connect --sign-in signs in."] * is_anonymous
    offered = providers(client.auth_providers()) if not wish.provider else []
    if not offered and not wish.provider:
        return _with_typed_key(client)
    chosen = _chosen(offered, wish)
    if chosen.is_external:
        client.device_login(_show, provider=chosen.name)
    else:
        user = wish.user or input(f"User name [{login_name()}]: ").strip() or login_name()
        client.login(user, password=getpass(f"Password of {user}: "), provider=chosen.name)
    return _with_own_key(client)


def sign_out(client: REManagerAPI) -> str:
    """Revoke the key that is kept for the server of this client, and forget it."""
    uri = client.settings.address
    key = kept_keys.key_for(uri)
    if key is None:
        return f"No key is kept for {uri}."
    kept_keys.forget(uri)
    client.set_authorization_key()
    try:
        client.apikey_delete(first_eight=key[:8], api_key=key)
    except HTTPClientError:  # it has expired, or it is a key that many share
        return f"Signed out: forgot the key for {uri}."
    return f"Signed out: revoked the key for {uri}."


def _chosen(offered: list[Provider], wish: Wish) -> Provider:
    if wish.provider:
        return Provider(wish.provider, is_external=False)
    if len(offered) == 1:
        return offered[0]
    names = ", ".join(each.name for each in offered)
    name = input(f"How do you sign in ({names})? ").strip()
    for each in offered:
        if each.name == name:
            return each
    raise BadParams(f"This server has no provider {name!r}. It has {names}")


def _show(code: DeviceCode) -> None:
    print(
        f"Open {code.address} in a browser, on any computer.\nThe code is {code.user_code}. Waiting (Ctrl-C cancels) …"
    )


def _with_typed_key(client: REManagerAPI) -> list[str]:
    """Use a key that the user types; the server knows no users."""
    client.set_authorization_key(api_key=getpass(f"API key for {client.settings.address}: ").strip())
    client.status()
    return [_kept(client)]


def _with_own_key(client: REManagerAPI) -> list[str]:
    """Make a key for this computer, so that the next session need not sign in."""
    try:
        made = client.apikey_new(expires_in=_KEY_LIFE, note=f"%qs on {platform.node()}")
    except (HTTPClientError, RequestFailedError):
        return ["Signed in for this session only, because this server gives you no API key."]
    client.set_authorization_key(api_key=made["secret"])
    return [_kept(client)]


def _kept(client: REManagerAPI) -> str:
    assert client.auth_method is AuthorizationMethods.API_KEY
    return f"Signed in. The key is kept in {kept_keys.keep(client.settings.address, str(client.auth_key))}."
