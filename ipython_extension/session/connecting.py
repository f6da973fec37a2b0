"""Signing in at an HTTP server from the prompt: with a kept key, a password, a browser, or a key that is typed."""

import platform
from collections.abc import Generator
from contextlib import contextmanager
from getpass import getpass
from typing import NamedTuple

from bluesky_qs.client import kept_keys
from bluesky_qs.client.authorization import AuthorizationMethods
from bluesky_qs.client.failures import RequestFailedError, RequestTimeoutError
from bluesky_qs.client.http_failures import HTTPClientError, NotSignedInError
from bluesky_qs.client.identity import login_name, login_of
from bluesky_qs.client.signing_in import DeviceCode, Provider, providers
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.errors import BadParams, QSError
from ipython_extension.session.session import Session

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
    """Sign the client in if the server wants it, or if the line names another user. Return what happened.

    Raises
    ------
    QSError
        The server does not answer, or refuses the sign-in.
    """
    if not (wish.anew or wish.provider) and _is_accepted(client, wish.user):
        is_anonymous = client.auth_method is AuthorizationMethods.NONE
        return ["Not signed in, so you can only read the status. %qs connect --sign-in signs in."] * is_anonymous
    chosen = _chosen(client, wish)
    if chosen is None:
        return _with_typed_key(client)
    if chosen.is_external:
        client.device_login(_show, provider=chosen.name)
    else:
        user = wish.user or input(f"User name [{login_name()}]: ").strip() or login_name()
        client.login(user, password=getpass(f"Password of {user}: "), provider=chosen.name)
    return _with_own_key(client)


@contextmanager
def staying(session: Session, address: str | None) -> Generator[None]:
    """Add to an error which service the session still uses, because the next line goes there."""
    before = session.settings.client()
    try:
        yield
    except QSError as error:
        if address is not None or not isinstance(error, RequestTimeoutError):
            error.add_note(f"Nothing has changed: %qs still uses {before.settings.address}, as {session.rm.user}.")
        raise


def sign_out(client: REManagerAPI) -> str:
    """Revoke the key that is kept for the server of this client, and forget it."""
    uri = client.settings.address
    key = kept_keys.key_for(uri)
    if key is None:
        return f"No key is kept for {uri}."
    kept_keys.forget(uri)
    client.set_authorization_key()
    done = "revoked" if _revoked(client, key) else "forgot"
    return f"Signed out: {done} the key for {uri}."


def _is_accepted(client: REManagerAPI, user: str) -> bool:
    """Whether the server accepts the client as it is, and knows it under this name if there is one."""
    try:
        client.status()
        if not user:
            return True
        known = login_of(client.api_scopes().get("user") or "")
    except NotSignedInError:
        return False
    return known == user


def _revoked(client: REManagerAPI, key: str) -> bool:
    """Revoke a key. Return False if the server refuses: it has expired, or it is a key that many share."""
    try:
        client.apikey_delete(first_eight=key[:8], api_key=key)
    except HTTPClientError:
        return False
    return True


def _chosen(client: REManagerAPI, wish: Wish) -> Provider | None:
    """Return how to sign in; None if the server knows no users, but one key."""
    wanted = wish.provider.strip("/").removesuffix("/token")
    try:
        offered = providers(client.auth_providers())
    except HTTPClientError:
        if not wanted:
            raise
        return Provider(wanted, is_external=False)  # a server that does not list them
    names = ", ".join(each.name for each in offered)
    if not offered:
        if wanted:
            raise BadParams(f"This server has no provider {wanted!r}: it requires an API key. Leave --provider out.")
        return None
    if len(offered) == 1 and not wanted:
        return offered[0]
    name = wanted or input(f"How do you sign in ({names})? ").strip()
    for each in offered:
        if each.name == name:
            return each
    raise BadParams(f"This server has no provider {name!r}. It has: {names}")


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
    replaced = kept_keys.key_for(client.settings.address)
    sentences = [_kept(client)]
    if replaced and _revoked(client, replaced):
        sentences.append("The key that was kept before is revoked.")
    return sentences


def _kept(client: REManagerAPI) -> str:
    assert client.auth_method is AuthorizationMethods.API_KEY
    return f"Signed in. The key is kept in {kept_keys.keep(client.settings.address, str(client.auth_key))}."
