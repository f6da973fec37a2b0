"""The current permissions of users, from the data of their providers and the policy."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from bluesky_qs.door.signin.database import SignInDatabase
from bluesky_qs.door.signin.provider import AnyProvider, Identity, ProviderUnavailable
from bluesky_qs.door.signin.records import KnownIdentity, Principal
from bluesky_qs.door.signin.roles import Access, Policy
from bluesky_qs.door.signin.rows import SignInDatabaseError

logger = logging.getLogger(__name__)

#: Seconds until the user of an API key is looked up at the provider again.
_CHECK_SECONDS = 15 * 60.0
#: Seconds to wait for a provider's data about a user.
_PATIENCE = 10.0


class SpecialUser(Protocol):
    """A user without a provider: the single user."""

    name: str

    async def access(self) -> Access:
        """Return the permissions of the user."""
        ...


class Identities:
    """Looks up users at their providers, and applies the policy.

    Parameters
    ----------
    changed
        Called when a provider has new data about a user.
    special
        Special users by provider name. They stand for all identities of that provider.

    Attributes
    ----------
    providers, policy
        May be replaced at any time.
    """

    def __init__(
        self,
        database: SignInDatabase,
        providers: Mapping[str, AnyProvider],
        policy: Policy,
        changed: Callable[[], None],
        *,
        special: SpecialUser | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self.providers = providers
        self.policy = policy
        self._changed = changed
        self._special = special
        self._clock = clock
        self._asked: dict[tuple[str, str], float] = {}
        self._checks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Cancel the checks in progress."""
        for check in self._checks:
            check.cancel()
        await asyncio.gather(*self._checks, return_exceptions=True)

    async def access(self, principal: Principal) -> Access | None:
        """Return the combined permissions of all of a user's identities; None if there are none."""
        found: list[Access] = []
        for known in principal.identities:
            if self._special is not None and known.identity.provider == self._special.name:
                found.append(await self._special.access())
            elif (access := self.access_of(known.identity)) is not None and not known.gone:
                found.append(access)
        if len(found) < 2:  # noqa: PLR2004 - more than one is rare
            return found[0] if found else None
        roles = frozenset[str]().union(*(access.roles for access in found))
        scopes = frozenset[str]().union(*(access.scopes for access in found))
        return Access(roles, scopes, found[0].user_group, found[0].user, found[0].name)

    def access_of(self, identity: Identity) -> Access | None:
        """Return the permissions of one identity. If its provider is no longer configured, it has none."""
        return self.policy.access(identity) if identity.provider in self.providers else None

    def look_again(self, principal: Principal, now: float) -> None:
        """Look up a user at the providers in the background, unless this was done recently."""
        for known in principal.identities:
            identity = known.identity
            key = identity.provider, identity.id
            asked = max(known.checked, self._asked.get(key, 0.0))
            if identity.provider in self.providers and now - asked >= _CHECK_SECONDS:
                self._asked[key] = now
                check = asyncio.create_task(self._look_again(known))
                self._checks.add(check)
                check.add_done_callback(self._checks.discard)

    async def check(self, known: KnownIdentity) -> None:
        """Look up a user at a provider, and record the result. If the provider does not answer, nothing is recorded."""
        provider = self.providers.get(known.identity.provider)
        if provider is None:
            return
        try:
            current = await asyncio.wait_for(provider.current(known.identity), _PATIENCE)
        except (ProviderUnavailable, TimeoutError):
            logger.warning(
                "The sign-in provider %s did not say whether user %r is still valid",
                provider.name,
                known.identity.id,
            )
            return
        gone = current is None
        await self._database.checked(current or known.identity, now=self._clock(), gone=gone)
        if gone != known.gone or (current is not None and current != known.identity):
            self._changed()

    async def _look_again(self, known: KnownIdentity) -> None:
        try:
            await self.check(known)
        except SignInDatabaseError as error:
            logger.warning("%s", error.message)
