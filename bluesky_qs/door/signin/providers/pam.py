"""Sign-in with the computer's own passwords, by PAM. Groups are the user's Unix groups."""

import grp
import logging
import os
import pwd
from collections.abc import Mapping
from typing import Any

import msgspec
import pam

from bluesky_qs.door.signin.provider import Identity, ProviderUnavailable
from bluesky_qs.door.signin.providers.args import read_args
from bluesky_qs.door.signin.providers.blocking import BlockingCalls

logger = logging.getLogger(__name__)

#: PAM's results if it could not check the password: the PAM service does not exist, a module is missing, or a server
#: that a module uses does not answer.
_NOT_CHECKED = frozenset(
    {
        pam.PAM_ABORT,
        pam.PAM_AUTHINFO_UNAVAIL,
        pam.PAM_BUF_ERR,
        pam.PAM_CONV_ERR,
        pam.PAM_MODULE_UNKNOWN,
        pam.PAM_OPEN_ERR,
        pam.PAM_SERVICE_ERR,
        pam.PAM_SYMBOL_ERR,
        pam.PAM_SYSTEM_ERR,
    }
)


class PAMArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The possible ``args``; the first two are those of bluesky-httpserver."""

    service: str = "login"
    """File in ``/etc/pam.d``."""
    confirmation_message: str = ""


def pam_provider(name: str, args: Mapping[str, Any]) -> "PAMProvider":
    return PAMProvider(name, read_args(args, PAMArgs))


class PAMProvider:
    """A `PasswordProvider`. PAM blocks, so each check runs in a thread."""

    def __init__(self, name: str, args: PAMArgs) -> None:
        self.name = name
        self.confirmation_message = args.confirmation_message
        self._service = args.service
        self._calls = BlockingCalls(f"sign-in-{name}")

    async def authenticate(self, username: str, password: str) -> Identity | None:
        if not username or not password or "\0" in username + password:
            return None
        return await self._calls.run(lambda: self._check(username, password))

    async def current(self, identity: Identity) -> Identity | None:
        return await self._calls.run(lambda: self._look_up(identity))

    async def close(self) -> None:
        """Do nothing: no connection is kept."""

    def _check(self, username: str, password: str) -> Identity | None:
        conversation = pam.PamAuthenticator()
        # Credentials are not set up: the door starts no processes for the user.
        if conversation.authenticate(username, password, service=self._service, resetcreds=False):
            return self._identity(username)
        reason = f"{_text(conversation.reason)} (code {conversation.code})"
        if conversation.code in _NOT_CHECKED:
            logger.error("Sign-in provider %r: the PAM service %r failed: %s", self.name, self._service, reason)
            raise ProviderUnavailable(f"PAM could not check the password. {_HINT}")
        logger.info("Sign-in provider %r: PAM refused a user: %s", self.name, reason)
        return None

    def _identity(self, username: str) -> Identity:
        try:
            account = pwd.getpwnam(username)
        except KeyError:  # PAM modules may know users who have no Unix account
            return Identity(id=username, provider=self.name)
        return self._of_account(account)

    def _look_up(self, identity: Identity) -> Identity | None:
        if "uid" not in identity.claims:
            return identity
        try:
            account = pwd.getpwnam(identity.id)
        except KeyError:
            return None
        # The name may belong to another user by now.
        return self._of_account(account) if account.pw_uid == identity.claims["uid"] else None

    def _of_account(self, account: pwd.struct_passwd) -> Identity:
        return Identity(
            id=account.pw_name,
            provider=self.name,
            display_name=account.pw_gecos.split(",")[0],
            groups=_groups(account),
            claims={"uid": account.pw_uid},
        )


_HINT = "Try again later. If that does not help, ask the person who runs this server."


def _text(reason: str | bytes | None) -> str:
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)


def _groups(account: pwd.struct_passwd) -> frozenset[str]:
    names = set()
    for gid in os.getgrouplist(account.pw_name, account.pw_gid):
        try:
            names.add(grp.getgrgid(gid).gr_name)
        except KeyError:
            logger.debug("Group %d of user %s has no name", gid, account.pw_name)
    return frozenset(names)
