"""One line in the log for each request that changes something: user, address, action and result.

Lines contain no text from the request or the reply, because it may contain secrets such as lock keys.
"""

import logging

import msgspec

from bluesky_qs.door.route import Call
from bluesky_qs.wire.codec import decode

logger = logging.getLogger(__name__)

_MOST_UIDS = 10


class _Item(msgspec.Struct):
    item_uid: str | None = None


class Outcome(msgspec.Struct):
    """The parts of a reply that the audit line and the status code need. Everything else is skipped."""

    success: bool = True
    error: str = ""
    item: _Item | None = None
    items: list[_Item] = []
    task_uid: str | None = None

    @classmethod
    def of(cls, reply: bytes) -> "Outcome":
        """Read a reply."""
        try:
            return _decoder.decode(reply)
        except msgspec.DecodeError:  # for example, a refused item whose uid is not text or has a lone surrogate
            values = decode(reply)
            return cls(success=values.get("success") is not False, error=str(values.get("error", "")))

    @property
    def result(self) -> str:
        """The result in words."""
        return "accepted" if self.success else f"refused {self.error}".strip()

    @property
    def uids(self) -> list[str]:
        """The items or the task that the request was about."""
        items = self.items or ([self.item] if self.item else [])
        return [item.item_uid for item in items if item.item_uid] or ([self.task_uid] if self.task_uid else [])


_decoder = msgspec.json.Decoder(Outcome)


def audit(call: Call, user: str, action: str, *, result: str, items: list[str] | None = None) -> None:
    """Write the line. ``user`` is the user name in items; ``action`` is a method or one of the door's own actions."""
    if not logger.isEnabledFor(logging.INFO):
        return
    items = items or []
    client = call.scope.get("client")
    line = {
        "user": call.caller.sign_in_name,
        "credential": call.caller.credential,
        "from": client[0] if client else "",
        "method": action,
        "items": items[:_MOST_UIDS],
        "result": result,
    }
    if user != call.caller.sign_in_name:
        line["shown"] = user
    if call.service is not call.door.default:
        line["instrument"] = call.service.name
    if len(items) > _MOST_UIDS:
        line["count"] = len(items)
    logger.info("%s", msgspec.json.encode(line).decode())
