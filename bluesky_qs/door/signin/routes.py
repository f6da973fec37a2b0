"""The routes under ``/api/auth`` for users who are signed in or who refresh a session."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from bluesky_qs.door.caller import ANONYMOUS, Caller
from bluesky_qs.door.refusals import HTTPRefusal, NoSuchRoute, NotSignedIn, missing_scopes
from bluesky_qs.door.signin.answers import (
    Done,
    KeyAnswer,
    NewKeyAnswer,
    PrincipalAnswer,
    ProviderAnswer,
    ProvidersAnswer,
    ScopesAnswer,
    respond,
)
from bluesky_qs.door.signin.auth_route import AuthRoute, Needs
from bluesky_qs.door.signin.credentials import drop_cookies, presented
from bluesky_qs.door.signin.keys import LONGEST_NOTE, key_bytes, new_key, scopes_for
from bluesky_qs.door.signin.provider_routes import ProviderRoutes, base_path
from bluesky_qs.door.signin.records import KeyRecord, Principal
from bluesky_qs.door.signin.requests import InvalidBody, json_body
from bluesky_qs.door.signin.resolve import key_name, session_in, session_name
from bluesky_qs.door.signin.roles import INHERIT
from bluesky_qs.door.signin.sessions import Tokens
from bluesky_qs.door.signin.sign_in_log import audit_sign_in, no_scope

if TYPE_CHECKING:
    from bluesky_qs.door.signin.accounts import Accounts

_ADMIN = "admin:apikeys"
_TEN_YEARS = 10 * 365 * 24 * 3600


class KeyRequest(msgspec.Struct):
    """Parameters of a new API key.

    ``expires_in`` is in seconds, null for never; without ``scopes``, the key inherits all.
    """

    expires_in: Annotated[int, msgspec.Meta(ge=1, le=_TEN_YEARS)] | None
    scopes: list[str] | None = None
    note: Annotated[str, msgspec.Meta(max_length=LONGEST_NOTE)] | None = None


class RefreshRequest(msgspec.Struct):
    """A refresh token."""

    refresh_token: str


class LogoutRequest(msgspec.Struct):
    """The refresh token of the session to end. Without it, the access token in the header identifies the session."""

    refresh_token: str | None = None


def auth_routes(accounts: "Accounts") -> list[AuthRoute]:
    """Return all routes under ``/api/auth``, with the credentials that they need."""
    routes = _Routes(accounts)
    nothing, signed_in = Needs.NOTHING, Needs.SIGN_IN
    return [
        AuthRoute("GET", "/providers", routes.providers, needs=nothing, answers=ProvidersAnswer),
        AuthRoute("POST", "/session/refresh", routes.refresh, needs=nothing, body=RefreshRequest, answers=Tokens),
        AuthRoute("DELETE", "/session/revoke/{session_id}", routes.revoke_session, needs=signed_in, answers=Done),
        AuthRoute("POST", "/apikey", routes.new_key, needs="user:apikeys", body=KeyRequest, answers=NewKeyAnswer),
        AuthRoute("GET", "/apikey", routes.key, needs=signed_in, answers=KeyAnswer),
        AuthRoute("DELETE", "/apikey", routes.revoke_key, needs="user:apikeys", answers=Done),
        AuthRoute("GET", "/whoami", routes.whoami, needs=signed_in, answers=PrincipalAnswer),
        AuthRoute("GET", "/scopes", routes.scopes, needs=signed_in, answers=ScopesAnswer),
        AuthRoute("POST", "/logout", routes.logout, needs=signed_in, body=LogoutRequest),
        AuthRoute("GET", "/principal", routes.principals, needs="admin:read:principals", answers=list[PrincipalAnswer]),
        AuthRoute("GET", "/principal/{uuid}", routes.principal, needs="admin:read:principals", answers=PrincipalAnswer),
        AuthRoute(
            "POST",
            "/principal/{uuid}/apikey",
            routes.new_key_for,
            needs=_ADMIN,
            body=KeyRequest,
            answers=NewKeyAnswer,
        ),
        *ProviderRoutes(accounts).routes(),
    ]


class _Routes:
    def __init__(self, accounts: "Accounts") -> None:
        self._accounts = accounts
        self._database = accounts.database

    async def providers(self, request: Request) -> Response:
        """How to sign in."""
        base = f"{base_path(request)}/auth"
        found: list[ProviderAnswer] = []
        for name, provider in self._accounts.providers.items():
            links = {"auth_endpoint": f"{base}/provider/{name}/token"}
            external = hasattr(provider, "authorize_url")
            if external:
                links = {"auth_endpoint": f"{base}/provider/{name}/authorize", "token": links["auth_endpoint"]}
            message = getattr(provider, "confirmation_message", None) or None
            found.append(ProviderAnswer(name, "external" if external else "password", links, message))
        names = {"whoami": "whoami", "apikey": "apikey", "scopes": "scopes", "logout": "logout"}
        links = {name: f"{base}/{path}" for name, path in names.items()}
        links |= {
            "refresh_session": f"{base}/session/refresh",
            "revoke_session": f"{base}/session/revoke/{{session_id}}",
        }
        required = self._accounts.public is None
        return respond(request, ProvidersAnswer(required, self._accounts.single is not None, found, links))

    async def refresh(self, request: Request) -> Response:
        """New tokens for a refresh token."""
        body = await json_body(request, RefreshRequest)
        return respond(request, await self._accounts.sessions.refresh(body.refresh_token), secret=True)

    async def revoke_session(self, request: Request) -> Response:
        """End one of your sessions; with the scope ``admin:apikeys``, any session."""
        caller = await self._caller(request)
        given = request.path_params["session_id"]
        session = await self._database.session(_hex(given) or "")
        if session is None or session.revoked:
            raise NoSuchRoute(f"No session {given}")
        own = session.principal == caller.principal
        if not own and _ADMIN not in caller.scopes:
            raise NoSuchRoute("Sessions does not exist or requester has insufficient permissions")
        await self._accounts.sessions.revoke(session.uuid)
        owner = "" if own else await self._name_of(session.principal)
        self._audit(request, caller, f"revoke session {session.uuid}", owner)
        return respond(request, Done())

    async def new_key(self, request: Request) -> Response:
        """Create an API key for yourself. A key that is created with another key has at most the scopes and the
        lifetime of that key.
        """
        caller = await self._caller(request, "user:apikeys")
        principal = await self._accounts.principal_of(caller)
        if principal is None:
            raise missing_scopes(["user:apikeys"], caller.scopes)
        access = await self._accounts.access_of(caller, principal)
        used = await self._key_used(request, caller)
        maker = None if used is None or INHERIT in used.scopes else used.scopes
        return await self._new_key(
            request, caller, principal, access.scopes, maker=maker, longest=used.expires if used else None
        )

    async def new_key_for(self, request: Request) -> Response:
        """A new API key for another user."""
        caller = await self._caller(request, _ADMIN)
        given = request.path_params["uuid"]
        principal = await self._database.principal(_uuid(given))
        if principal is None:
            raise NoSuchRoute(f"Principal {given} does not exist or insufficient permissions.")
        access = await self._accounts.access_of(caller, principal)
        return await self._new_key(request, caller, principal, access.scopes, owner_name=_name(principal))

    async def key(self, request: Request) -> Response:
        """The API key with which this request is sent."""
        caller = await self._caller(request)
        found = await self._key_used(request, caller)
        if found is None:
            raise NotSignedIn("No API key was provided with this request.")
        return respond(request, KeyAnswer.of(found))

    async def revoke_key(self, request: Request) -> Response:
        """Revoke one of your keys by its first eight characters; with the scope ``admin:apikeys``, any key."""
        caller = await self._caller(request, "user:apikeys")
        first_eight = request.query_params.get("first_eight")
        if first_eight is None:
            raise InvalidBody("The query parameter 'first_eight' is missing")
        principal = await self._accounts.principal_of(caller)
        found = await self._database.key_named(first_eight[:8])
        own = found is not None and principal is not None and found.principal == principal.uuid
        if found is None or not (own or _ADMIN in caller.scopes):
            raise NoSuchRoute("The currently-authenticated user has no such API key.")
        await self._database.revoke_key(found.first_eight)
        self._accounts.resolver.forget()
        owner = "" if own else await self._name_of(found.principal)
        self._audit(request, caller, f"revoke {key_name(found.first_eight)}", owner)
        return respond(request, Done())

    async def whoami(self, request: Request) -> Response:
        """The signed-in user, with keys and sessions."""
        caller = await self._caller(request)
        principal = await self._accounts.principal_of(caller)
        details = await self._database.details(principal.uuid) if principal is not None else None
        if details is None:  # the anonymous public
            return respond(request, None)
        access = await self._accounts.access_of(caller, details.principal)
        used = await self._key_used(request, caller)
        answer = PrincipalAnswer.of(
            details,
            roles=access.roles,
            scopes=caller.scopes,
            key_scopes=used.scopes if used else None,
            current=session_in(caller.credential),
        )
        return respond(request, answer)

    async def scopes(self, request: Request) -> Response:
        """The permissions of the sender of this request."""
        caller = await self._caller(request)
        principal = await self._database.principal(caller.principal) if caller.principal else None
        roles = await self._accounts.roles_of(caller, principal)
        return respond(request, ScopesAnswer(sorted(roles), sorted(caller.scopes), caller.user, caller.user_group))

    async def logout(self, request: Request) -> Response:
        """End the session of the access token, or of the refresh token in the body, and delete the cookies. An API key
        stays valid: revoke it if it is no longer needed.
        """
        drop_cookies(request)  # first, because a page cannot delete the cookie with an expired key
        body = await json_body(request, LogoutRequest, is_required=False)
        if body.refresh_token is None:
            caller = await self._caller(request)
            uuid, user = session_in(caller.credential), caller.sign_in_name
        else:  # the refresh token alone is enough, because the access token may have expired
            session = await self._accounts.sessions.of_refresh_token(body.refresh_token)
            uuid, user = session.uuid, await self._name_of(session.principal)
        if uuid:
            await self._accounts.sessions.revoke(uuid)
            audit_sign_in(request, "sign out", "accepted", user=user, credential=session_name(uuid))
        return respond(request, {})

    async def principals(self, request: Request) -> Response:
        """All users who have ever signed in."""
        caller = await self._caller(request, "admin:read:principals")
        current = session_in(caller.credential)
        answers: list[PrincipalAnswer] = []
        for details in await self._database.all_details():
            access = await self._accounts.access_of(caller, details.principal)
            answers.append(PrincipalAnswer.of(details, roles=access.roles, scopes=access.scopes, current=current))
        return respond(request, answers)

    async def principal(self, request: Request) -> Response:
        """One user."""
        caller = await self._caller(request, "admin:read:principals")
        given = request.path_params["uuid"]
        details = await self._database.details(_uuid(given))
        if details is None:
            raise NoSuchRoute(f"Principal {given} does not exist or insufficient permissions.")
        access = await self._accounts.access_of(caller, details.principal)
        current = session_in(caller.credential)
        return respond(request, PrincipalAnswer.of(details, roles=access.roles, scopes=access.scopes, current=current))

    async def _caller(self, request: Request, scope: str | None = None) -> Caller:
        caller = await self._accounts.caller(request)
        if scope is not None and scope not in caller.scopes:
            if caller.credential != ANONYMOUS:  # strangers could fill the log
                self._audit(request, caller, f"{request.method} {request.scope['route'].path}", result=no_scope(scope))
            raise missing_scopes([scope], caller.scopes)
        return caller

    async def _name_of(self, principal: str) -> str:
        found = await self._database.principal(principal)
        return _name(found) if found is not None else principal

    async def _key_used(self, request: Request, caller: Caller) -> KeyRecord | None:
        found = presented(request)
        if found is None or found.kind != "key" or not caller.principal:
            return None
        secret = key_bytes(found.secret)
        return await self._database.key(secret) if secret is not None else None

    async def _new_key(
        self,
        request: Request,
        caller: Caller,
        principal: Principal,
        owner: frozenset[str],
        *,
        maker: tuple[str, ...] | None = None,
        longest: float | None = None,
        owner_name: str = "",
    ) -> Response:
        body = await json_body(request, KeyRequest)
        scopes = scopes_for(body.scopes, owner, maker)
        times = [] if longest is None else [longest]
        if body.expires_in is not None:
            times.append(self._accounts.clock() + body.expires_in)
        made = await new_key(self._database, principal.uuid, scopes, expires=min(times, default=None), note=body.note)
        self._audit(request, caller, f"new {key_name(made.record.first_eight)}", owner_name)
        shown = KeyAnswer.of(made.record)
        return respond(request, NewKeyAnswer(*msgspec.structs.astuple(shown), secret=made.secret), secret=True)

    def _audit(
        self, request: Request, caller: Caller, action: str, owner: str = "", *, result: str = "accepted"
    ) -> None:
        credential = caller.credential
        audit_sign_in(request, action, result, user=caller.sign_in_name, credential=credential, owner=owner)


def _name(principal: Principal) -> str:
    """The name with which a user signs in; several if the user has several."""
    return ", ".join(known.identity.id for known in principal.identities)


def _hex(text: str) -> str | None:
    try:
        return UUID(hex=text).hex
    except ValueError:
        return None


def _uuid(text: str) -> str:
    found = _hex(text)
    if found is None:
        raise HTTPRefusal("The path needs a UUID", status=422)
    return found
