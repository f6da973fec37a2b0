"""Logs when a store starts to refuse changes, and when it accepts them again."""

import logging

from bluesky_qs.errors import StoreError

log = logging.getLogger(__name__)


class RefusalLog:
    """Logs only the first of many refusals, and the end of the refusals.

    Clients get an error for each refusal anyway.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._refusing = False

    def refused(self, error: StoreError) -> None:
        """Record that a change was refused because the store failed."""
        if not self._refusing:
            log.error("%s Changes are refused until it accepts them again.", error.message)
        self._refusing = True

    def accepted(self) -> None:
        """Record that a change was stored."""
        if self._refusing:
            log.info("%s accepts changes again", self._name)
        self._refusing = False
