"""Limits failed sign-ins for each user and address. The caller passes the time."""

from collections import OrderedDict
from collections.abc import Hashable

import msgspec


class Limit(msgspec.Struct, frozen=True):
    """Number of failures allowed at once, and the seconds after which one more is allowed."""

    failures: int
    seconds: float


#: A user who mistypes a password has five attempts, then one every 12 seconds (7200 a day).
OF_USER = Limit(failures=5, seconds=12)
#: All users at one address, for example in a control room behind one router.
OF_ADDRESS = Limit(failures=30, seconds=2)
#: One user from many addresses. The limit is high, so that a stranger cannot lock a user out with a few requests.
OF_NAME = Limit(failures=100, seconds=2)
#: Number of users and addresses to keep. Those with the oldest failures are dropped first.
_REMEMBERED = 10_000


class Attempts:
    """Recent failures.

    For each key, only the time is kept at which all failures will be forgiven.
    """

    def __init__(self) -> None:
        self._forgiven: OrderedDict[Hashable, float] = OrderedDict()

    def wait(self, user: str, address: str, *, now: float) -> float:
        """Return the seconds until an attempt is allowed; 0 if it is allowed now."""
        return max(self._wait(key, limit, now) for key, limit in _keys(user, address))

    def failed(self, user: str, address: str, *, now: float) -> None:
        """Record a failure. Call this at the beginning of an attempt, so that simultaneous attempts are counted too."""
        for key, limit in _keys(user, address):
            self._record(key, limit, now)

    def taken_back(self, user: str, address: str) -> None:
        """Remove the record of an attempt that did not fail."""
        for key, limit in _keys(user, address):
            if key in self._forgiven:
                self._forgiven[key] -= limit.seconds

    def succeeded(self, user: str, address: str) -> None:
        """Remove the record of this attempt, and forgive the user's failures at the address."""
        self.taken_back(user, address)
        self._forgiven.pop(_of_user(user, address), None)

    def wait_at(self, address: str, *, now: float) -> float:
        """Return the seconds until an attempt without a user name is allowed."""
        return self._wait(_of_address(address), OF_ADDRESS, now)

    def begun_at(self, address: str, *, now: float) -> None:
        """Record an attempt without a user name."""
        self._record(_of_address(address), OF_ADDRESS, now)

    def _record(self, key: Hashable, limit: Limit, now: float) -> None:
        self._forgiven[key] = max(now, self._forgiven.get(key, now)) + limit.seconds
        self._forgiven.move_to_end(key)
        if len(self._forgiven) > _REMEMBERED:
            self._forgiven.popitem(last=False)

    def _wait(self, key: Hashable, limit: Limit, now: float) -> float:
        pending = self._forgiven.get(key, now) - now
        return max(0.0, pending - (limit.failures - 1) * limit.seconds)


def _keys(user: str, address: str) -> tuple[tuple[Hashable, Limit], ...]:
    return (
        (_of_user(user, address), OF_USER),
        (_of_address(address), OF_ADDRESS),
        (("name", user.casefold()), OF_NAME),
    )


def _of_user(user: str, address: str) -> Hashable:
    return "user", user.casefold(), address


def _of_address(address: str) -> Hashable:
    return "address", address
