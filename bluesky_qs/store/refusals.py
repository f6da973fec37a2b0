"""When the log must say that a store refuses changes: once, and once more when it accepts them again."""

import logging

from bluesky_qs.errors import StoreError

log = logging.getLogger(__name__)


class RefusalLog:
    """Logs the first of many refusals and their end; the clients hear of each refusal anyway."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._refusing = False

    def refused(self, error: StoreError) -> None:
        """A change was refused, and the change is not the reason."""
        if not self._refusing:
            log.error("%s Changes are refused until it accepts them again.", error.message)
        self._refusing = True

    def accepted(self) -> None:
        """A change was stored."""
        if self._refusing:
            log.info("%s accepts changes again", self._name)
        self._refusing = False
