"""Sign-in with accounts: users of providers, or one key for everyone; with sessions and API keys."""

import logging
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute

from bluesky_qs.door.caller import ANONYMOUS, Caller, Credentials
from bluesky_qs.door.refusals import HTTPRefusal, NotSignedIn
from bluesky_qs.door.signin.credentials import Presented, keep_in_cookie, presented
from bluesky_qs.door.signin.database import SignInDatabase, default_database_path
from bluesky_qs.door.signin.file_providers import FileProvider
from bluesky_qs.door.signin.identities import Identities
from bluesky_qs.door.signin.keys import key_bytes
from bluesky_qs.door.signin.provider import Identity
from bluesky_qs.door.signin.records import Principal
from bluesky_qs.door.signin.registry import providers
from bluesky_qs.door.signin.resolve import Resolved, Resolver
from bluesky_qs.door.signin.roles import PUBLIC, SINGLE_USER, Access
from bluesky_qs.door.signin.rows import SignInDatabaseError
from bluesky_qs.door.signin.sessions import NOT_VALID, SESSION_EXPIRED, Sessions, no_role
from bluesky_qs.door.signin.single_user import SINGLE_USER_PROVIDER, SingleUserKey
from bluesky_qs.door.signin.tokens import ExpiredToken, InvalidToken, Signer
from bluesky_qs.errors import ConfigError

if TYPE_CHECKING:
    from bluesky_qs.door.door import Door
    from bluesky_qs.door.settings import DoorSettings

logger = logging.getLogger(__name__)

_EXPIRED = "Access token has expired. Refresh token."
_INVALID_KEY = "Invalid API key"
_NO_CREDENTIALS = (
    "Not signed in. Send a key in the header 'Authorization: ApiKey …', or a token in 'Authorization: Bearer …'."
)


class Accounts:
    """Decides who may use the door; implements `caller.SignIn`.

    Attributes
    ----------
    single
        The user of the single-user key; None if there are providers.
    public
        The sender of requests without credentials; None if these are refused.
    """

    def __init__(self, door: "Door", *, clock: Callable[[], float] = time.time) -> None:
        from bluesky_qs.door.signin.routes import auth_routes  # noqa: PLC0415 - the routes need this class

        self.door = door
        self.settings = door.settings.sign_in
        self.clock = clock
        self.providers = providers(self.settings.providers)
        self.policy = self.settings.policy
        self.database = SignInDatabase(self.settings.database or default_database_path())
        self.single = None if self.providers else SingleUserKey(door, self.policy.scopes_of([SINGLE_USER]))
        self.identities = Identities(
            self.database, self.providers, self.policy, self._forget, special=self.single, clock=clock
        )
        self.resolver = Resolver(self.database, self.identities, clock=clock)
        self.sessions = Sessions(self.database, self.identities, self.resolver, self.settings.lifetimes, clock=clock)
        self.routes: list[BaseRoute] = list(auth_routes(self))
        self.public = self._public() if self.settings.anonymous or door.settings.single_user.anonymous else None

    async def open(self) -> None:
        """Open the database, and find or create the keys.

        Raises
        ------
        StartupError
            The database or the file with the single-user key cannot be used.
        """
        if self.single is not None:
            await self.single.open()
        try:
            await self.database.open()
        except SignInDatabaseError as error:
            if self.single is None:
                raise
            # The single-user key needs no database, and a service's home directory may be read-only.
            logger.warning("Only the single-user key can be used, and no API keys. %s", error.message)
            self.sessions.signer = Signer([secrets.token_hex(32)])
            return
        keys = self.settings.secret_keys or await self.database.secret_keys(now=self.clock())
        self.sessions.signer = Signer(keys)
        await self.resolver.open()
        await self._look_at_providers()

    async def _look_at_providers(self) -> None:
        """Log the reason why nobody can sign in. Keys still work, and the next sign-in checks again."""
        for name, provider in self.providers.items():
            if isinstance(provider, FileProvider) and (fault := await provider.fault()):
                logger.error("Nobody can sign in at %s. %s", name, fault)

    async def close(self) -> None:
        """Close the database and the providers' connections."""
        await self.identities.close()
        await self.resolver.close()
        await self.database.close()
        for provider in self.providers.values():
            await provider.close()

    async def reload(self, settings: "DoorSettings") -> None:
        """Use new rules, roles, providers, keys and lifetimes, even for users who are already signed in.

        Raises
        ------
        ConfigError, StartupError
            The settings are not valid, or they require a restart of the door. Nothing has changed.
        """
        new = settings.sign_in
        if bool(new.providers) != bool(self.providers):
            raise ConfigError("A running door cannot change between the single-user key and providers. Restart it")
        made = providers(new.providers)
        kept = {str(entry["provider"]): entry for entry in self.settings.providers}
        for entry in new.providers:
            name = str(entry["provider"])
            if kept.get(name) == entry:
                made[name] = self.providers[name]
        signer = self.sessions.signer
        if new.secret_keys != self.settings.secret_keys:
            signer = Signer(new.secret_keys or await self.database.secret_keys(now=self.clock()))
        replaced = [each for name, each in self.providers.items() if made.get(name) is not each]
        self.settings, self.policy = new, new.policy
        self.providers = self.identities.providers = made
        self.identities.policy = new.policy
        self.sessions.lifetimes, self.sessions.signer = new.lifetimes, signer
        self.public = self._public() if new.anonymous or settings.single_user.anonymous else None
        if self.single is not None:
            self.single.change(self.policy.scopes_of([SINGLE_USER]), settings.single_user.user_group)
        self.resolver.forget()
        for provider in replaced:
            await provider.close()
        await self._look_at_providers()

    async def caller(self, connection: HTTPConnection, credentials: Credentials | None = None) -> Caller:
        """Return the sender of a request.

        Raises
        ------
        HTTPRefusal
            There are no credentials, or they are not valid.
        """
        found = presented(connection, credentials)
        if found is None:
            if self.public is not None:
                return self.public
            raise NotSignedIn(_NO_CREDENTIALS)
        if self.single is not None and found.kind == "key" and self.single.matches(found.secret):
            caller = await self.single.user()
        else:
            resolved = await self.resolve(found)
            is_stream = connection.scope["type"] == "websocket"
            caller = self.resolver.lasting(resolved) if is_stream else resolved.caller
        if found.source == "query" and found.kind == "key":
            keep_in_cookie(connection, found.secret)
        return caller

    def holds(self, caller: Caller) -> bool:
        """Whether the caller's credentials are still valid."""
        if caller.provider or caller.principal:
            return self.resolver.holds(caller)
        if caller.credential == ANONYMOUS:
            return self.public is not None and caller.scopes <= self.public.scopes
        return self.single is not None and self.single.holds(caller)

    async def resolve(self, found: Presented) -> Resolved:
        """Return the owner of a key or session, except for the single-user key.

        Raises
        ------
        HTTPRefusal
            The key or session is not valid, or the database cannot be used.
        """
        try:
            return await (self._of_key(found.secret) if found.kind == "key" else self._of_token(found.secret))
        except SignInDatabaseError as error:
            raise HTTPRefusal(f"Sign-in is not possible now. {error.message}", status=503) from None

    async def principal_of(self, caller: Caller) -> Principal | None:
        """Return the user from the database. The single user is added to it; the anonymous public is not."""
        if caller.principal:
            return await self.database.principal(caller.principal)
        if self.single is None or caller is self.public:
            return None
        identity = Identity(id=caller.user, provider=SINGLE_USER_PROVIDER)
        return await self.database.know(identity, now=self.clock())

    async def access_of(self, caller: Caller, principal: Principal) -> Access:
        """Return the roles and scopes of a user, without the limits of a key. `caller` is the sender of the request."""
        access = await self.identities.access(principal)
        return access or Access(frozenset(), frozenset(), caller.user_group, caller.user)

    async def roles_of(self, caller: Caller, principal: Principal | None) -> frozenset[str]:
        """Return the roles of a caller."""
        if principal is not None:
            return (await self.access_of(caller, principal)).roles
        return frozenset({PUBLIC if caller is self.public else SINGLE_USER})

    async def _of_key(self, text: str) -> Resolved:
        secret = key_bytes(text)
        found = await self.resolver.key(secret) if secret is not None else None
        if found is None:
            raise await self._fault_of(secret)
        return found

    async def _fault_of(self, secret: bytes | None) -> NotSignedIn:
        """Explain to the owner why a key is not valid."""
        record = await self.database.key(secret) if secret is not None else None
        if record is None:
            return NotSignedIn(_INVALID_KEY)
        if record.expires is not None and record.expires <= self.clock():
            on = f"{datetime.fromtimestamp(record.expires, UTC):%Y-%m-%d %H:%M} UTC"
            return NotSignedIn(f"{_INVALID_KEY}: it expired on {on}. Create a new one")
        return await self._no_role(record.principal) or NotSignedIn(_INVALID_KEY)

    async def _no_role(self, uuid: str) -> NotSignedIn | None:
        """The refusal for a user who no longer has a role; None if the user has one."""
        principal = await self.database.principal(uuid)
        users = [known.identity.id for known in principal.identities if not known.gone] if principal else []
        if principal is None or not users or await self.identities.access(principal) is not None:
            return None
        return no_role(", ".join(users))

    async def _of_token(self, token: str) -> Resolved:
        try:
            claims = self.sessions.signer.read_access(token, now=self.clock())
        except ExpiredToken:
            raise NotSignedIn(_EXPIRED) from None
        except InvalidToken:
            raise NotSignedIn(NOT_VALID) from None
        found = await self.resolver.session(claims.sid)
        if found is None or found.principal.uuid != claims.sub:
            session = await self.database.session(claims.sid)
            goes_on = session is not None and not session.revoked and session.expires > self.clock()
            raise (await self._no_role(claims.sub) if goes_on else None) or NotSignedIn(SESSION_EXPIRED)
        return found

    def _forget(self) -> None:
        self.resolver.forget()

    def _public(self) -> Caller:
        scopes = self.policy.scopes_of([PUBLIC])
        return Caller(user="UNAUTHENTICATED_PUBLIC", user_group="", scopes=scopes, credential=ANONYMOUS)
