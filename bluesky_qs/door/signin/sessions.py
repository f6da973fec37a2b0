"""Sessions. They begin with a sign-in and continue with refresh tokens, until they expire or are revoked."""

import time
from collections.abc import Callable

import msgspec

from bluesky_qs.door.refusals import NotSignedIn
from bluesky_qs.door.signin.database import SignInDatabase
from bluesky_qs.door.signin.identities import Identities
from bluesky_qs.door.signin.provider import Identity
from bluesky_qs.door.signin.records import Principal, SessionRecord
from bluesky_qs.door.signin.resolve import Resolver
from bluesky_qs.door.signin.roles import Access
from bluesky_qs.door.signin.tokens import ExpiredToken, InvalidToken, Lifetimes, Signer

#: Clients match these sentences.
NOT_AUTHORIZED = "User is not authorized to access the server"
SESSION_EXPIRED = "Session has expired. Please re-authenticate."
NOT_VALID = "Could not validate credentials"
_REVOKED = "Permissions for the user are revoked. Please contact the administrator."


def no_role(user: str) -> NotSignedIn:
    """The refusal for a user without a role."""
    return NotSignedIn(f"{NOT_AUTHORIZED}: no rule gives {user} a role. Ask the administrator")


class Tokens(msgspec.Struct, frozen=True):
    """The response to a sign-in."""

    access_token: str
    expires_in: int
    refresh_token: str
    refresh_token_expires_in: int
    token_type: str = "bearer"  # noqa: S105 - a kind, not a token

    def __repr__(self) -> str:  # the text may end up in a log
        return "Tokens(…)"


class Sessions:
    """Begins, refreshes and ends sessions.

    Attributes
    ----------
    lifetimes, signer
        May be replaced at any time.
    """

    def __init__(
        self,
        database: SignInDatabase,
        identities: Identities,
        resolver: Resolver,
        lifetimes: Lifetimes,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._identities = identities
        self._resolver = resolver
        self.lifetimes = lifetimes
        self._clock = clock
        self.signer: Signer

    async def begin(self, identity: Identity) -> SessionRecord:
        """Record a sign-in.

        Raises
        ------
        NotSignedIn
            No rule gives the user a role.
        """
        if self._identities.access_of(identity) is None:
            raise no_role(identity.id)
        now = self._clock()
        _, session = await self._database.signed_in(identity, now=now, expires=now + self.lifetimes.session)
        self._resolver.forget()  # groups may have changed
        return session

    async def tokens(self, session: SessionRecord) -> Tokens:
        """Return the tokens of a session that has just begun."""
        principal = await self._database.principal(session.principal)
        access = await self._identities.access(principal) if principal is not None else None
        if principal is None or access is None:
            raise no_role(principal.identities[0].identity.id if principal is not None else "this user")
        return self._tokens(session, principal, access)

    async def of_refresh_token(self, refresh_token: str) -> SessionRecord:
        """Return the session to which a refresh token belongs.

        Raises
        ------
        NotSignedIn
            The token is not valid, or its session has ended. The error does not distinguish a revoked session from an
            expired one.
        """
        now = self._clock()
        try:
            claims = self.signer.read_refresh(refresh_token, now=now)
        except ExpiredToken:
            raise NotSignedIn(SESSION_EXPIRED) from None
        except InvalidToken:
            raise NotSignedIn(NOT_VALID) from None
        session = await self._database.session(claims.sid)
        if session is None or session.revoked or session.expires <= now:
            raise NotSignedIn(SESSION_EXPIRED)
        return session

    async def refresh(self, refresh_token: str) -> Tokens:
        """Return new tokens for a refresh token.

        Raises
        ------
        NotSignedIn
            The token is not valid, its session has ended, or its user no longer has a role.
        """
        session = await self.of_refresh_token(refresh_token)
        principal = await self._database.principal(session.principal)
        if principal is not None:
            for known in principal.identities:
                await self._identities.check(known)
            principal = await self._database.principal(session.principal)
        access = await self._identities.access(principal) if principal is not None else None
        if principal is None or access is None:
            raise NotSignedIn(_REVOKED)
        await self._database.session_used(session.uuid, now=self._clock())
        return self._tokens(session, principal, access)

    async def revoke(self, uuid: str) -> None:
        """End a session. Its tokens are no longer valid."""
        await self._database.revoke_session(uuid)
        self._resolver.forget()

    def _tokens(self, session: SessionRecord, principal: Principal, access: Access) -> Tokens:
        now = self._clock()
        life = min(self.lifetimes.access_token, session.expires - now)
        refresh_life = min(self.lifetimes.refresh_token, session.expires - now)
        return Tokens(
            self.signer.access_token(
                principal=principal.uuid,
                session=session.uuid,
                scopes=access.scopes,
                identities=[(known.identity.provider, known.identity.id) for known in principal.identities],
                expires=now + life,
            ),
            int(life),
            self.signer.refresh_token(session=session.uuid, expires=now + refresh_life),
            int(refresh_life),
        )
