"""Signs in at an HTTP server from the prompt: with a stored key, a password, a browser, or a typed key."""

import platform
from collections.abc import Generator
from contextlib import contextmanager
from getpass import getpass
from typing import NamedTuple

from bluesky_qs.client import kept_keys
from bluesky_qs.client.authorization import AuthorizationMethods
from bluesky_qs.client.failures import RequestFailedError, RequestTimeoutError
from bluesky_qs.client.http_failures import HTTPClientError, NotSignedInError
from bluesky_qs.client.identity import SHARED_ROLE, login_of
from bluesky_qs.client.signing_in import DeviceCode, Provider, providers
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.errors import BadParams, ConfigError, QSError
from ipython_extension.session.session import Session
from ipython_extension.shown.error_rendering import Detached

#: Lifetime in seconds of the keys that this prompt creates.
_KEY_LIFE = 30 * 24 * 3600


class Wish(NamedTuple):
    """The options of the line that are about signing in.

    Attributes
    ----------
    user, provider
        Empty unless given.
    anew
        Sign in even if a key is stored.
    """

    user: str = ""
    provider: str = ""
    anew: bool = False


def signed_in(client: REManagerAPI, wish: Wish) -> list[str]:
    """Sign the client in if the server requires it, or if the line names another user. Return sentences about it.

    Raises
    ------
    QSError
        The server does not answer, or refuses the sign-in.
    """
    if not (wish.anew or wish.provider):
        wish = _with_kept_key(client, wish)
    if not (wish.anew or wish.provider) and _is_accepted(client, wish.user):
        is_anonymous = client.auth_method is AuthorizationMethods.NONE
        return ["Not signed in, so you can only read the status. To sign in: %qs connect --sign-in"] * is_anonymous
    chosen = _chosen(client, wish)
    if chosen is None:
        return _with_typed_key(client)
    if chosen.is_external:
        client.device_login(_show, provider=chosen.name)
    else:
        user = wish.user or input(f"User name [{client.user}]: ").strip() or client.user
        client.login(user, password=getpass(f"Password of {user}: "), provider=chosen.name)
        wish = wish._replace(user=user)
    return _with_own_key(client, wish.user)


@contextmanager
def staying(session: Session, address: str | None) -> Generator[None]:
    """If connecting fails, say in the error which service the session still uses.

    Ctrl-C, or Ctrl-D at a question, cancels the sign-in.
    """
    before = session.settings.client()
    try:
        yield
    except (KeyboardInterrupt, EOFError):
        stays = f"%qs still uses {before.settings.address}, {as_whom(session.rm)}."
        raise Detached(f"Not signed in. Nothing has changed: {stays}") from None
    except QSError as error:
        if address is not None or not isinstance(error, RequestTimeoutError):
            error.add_note(f"Nothing has changed: %qs still uses {before.settings.address}, {as_whom(session.rm)}.")
        raise


def sign_out(client: REManagerAPI, user: str) -> str:
    """Revoke and delete the key stored for this user and the client's server.

    Without a user, this is the client's key, or else the only one. A client without a key ends its session.

    Raises
    ------
    ConfigError
        There are keys for several users.
    """
    uri = client.settings.address
    if not user and client.auth_method is AuthorizationMethods.TOKEN:
        client.logout()
        return f"Signed out: ended the session at {uri}."
    kept = kept_keys.keys_for(uri)
    if not user:
        in_use = [name for name, key in kept.items() if key == client.auth_key]
        user = next(iter(in_use or kept), "")
        if not in_use and len(kept) > 1:
            users = kept_keys.names(kept)
            raise ConfigError(f"Several users have keys for {uri} ({users}). Name one of them: --user NAME")
    if user not in kept:
        return f"No key is kept for {uri}."
    key = kept[user]
    kept_keys.forget(uri, user)
    if client.auth_key == key:
        client.set_authorization_key()
    done = "revoked" if _revoked(client, key) else "forgot"
    return f"Signed out: {done} the key {f'of {user} ' if len(kept) > 1 and user else ''}for {uri}."


def only_server() -> str | None:
    """The server with stored keys; None if there is none.

    Raises
    ------
    ConfigError
        There are several.
    """
    servers = kept_keys.servers()
    if len(servers) > 1:
        raise ConfigError(
            f"Keys are kept for {', '.join(servers)}. Name the server: %qs connect {servers[0]} --sign-out"
        )
    return servers[0] if servers else None


def _with_kept_key(client: REManagerAPI, wish: Wish) -> Wish:
    """Use the key of the user who is named in the line. If there are several keys and no user is named, ask."""
    kept = kept_keys.keys_for(client.settings.address)
    if not wish.user and len(kept) > 1 and client.auth_method is AuthorizationMethods.NONE:
        wish = wish._replace(user=input(f"User name (keys are kept for {kept_keys.names(kept)}): ").strip())
    if wish.user in kept:
        client.set_authorization_key(api_key=kept[wish.user])
    return wish


def _is_accepted(client: REManagerAPI, user: str) -> bool:
    """Whether the server accepts the client, as this user if one is given."""
    try:
        client.status()
        if not user:
            return True
        signed_in_as = client.api_scopes()
    except NotSignedInError:
        return False
    # A shared key has no user, so the name comes from this client.
    return SHARED_ROLE in signed_in_as["roles"] or login_of(signed_in_as.get("user") or "") == user


def as_whom(client: REManagerAPI) -> str:
    """The user as whom the service knows the client, as part of a sentence."""
    if client.protocol is client.Protocols.HTTP and client.auth_method is AuthorizationMethods.NONE:
        return "not signed in"
    if not client.identity.shares_key:
        return f"as {client.user}"
    name = client.identity.client_name
    return f"as {name}, with the shared key" if name else "with the shared key"


def _revoked(client: REManagerAPI, key: str) -> bool:
    """Revoke a key. Return False if the server refuses, because the key has expired or is shared."""
    try:
        client.apikey_delete(first_eight=key[:8], api_key=key)
    except HTTPClientError:
        return False
    return True


def _chosen(client: REManagerAPI, wish: Wish) -> Provider | None:
    """Return the provider to sign in with; None if the server has a shared key and no users."""
    wanted = wish.provider.strip("/").removesuffix("/token")
    try:
        offered = providers(client.auth_providers())
    except HTTPClientError:
        if not wanted:
            raise
        return Provider(wanted, is_external=False)  # this server does not list its providers
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
    """Sign in with a key that the user types, because the server has no users."""
    client.set_authorization_key(api_key=getpass(f"API key for {client.settings.address}: ").strip())
    client.status()
    return [_kept(client)]


def _with_own_key(client: REManagerAPI, user: str) -> list[str]:
    """Create a key for this computer, so that later sessions need no sign-in, and end the sign-in session.

    ``user`` is empty if unknown.
    """
    try:
        made = client.apikey_new(expires_in=_KEY_LIFE, note=f"%qs on {platform.node()}")
    except (HTTPClientError, RequestFailedError):
        return ["Signed in for this session only, because this server does not give you an API key."]
    is_ended = _session_ended(client)
    client.set_authorization_key(api_key=made["secret"])
    user = login_of(client.api_scopes().get("user") or "") or user  # bluesky-httpserver does not send it
    replaced = kept_keys.keys_for(client.settings.address).get(user)
    sentences = [_kept(client, user)]
    if replaced and _revoked(client, replaced):
        sentences.append("The previous key has been revoked.")
    if not is_ended:
        sentences.append("The server could not end your sign-in session. End it with RM.session_revoke(…).")
    return sentences


def _session_ended(client: REManagerAPI) -> bool:
    """End the sign-in session. Return False if that fails, without an error, so that the new key is not lost."""
    try:
        client.logout()
    except QSError:
        return False
    return True


def _kept(client: REManagerAPI, user: str = "") -> str:
    assert client.auth_method is AuthorizationMethods.API_KEY
    return f"Signed in. The key is kept in {kept_keys.keep(client.settings.address, str(client.auth_key), user)}."
