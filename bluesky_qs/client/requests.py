"""How a client sends requests: it adds user, group and lock key, corrects a wrong default group, and reuses replies."""

import threading
from collections.abc import Generator
from typing import Any, NamedTuple, TypeVar

from bluesky_qs.api.method import Method
from bluesky_qs.client.identity import Identity
from bluesky_qs.client.transport import EncodedReply, Request

T = TypeVar("T")
#: A procedure whose steps are requests.
RequestSteps = Generator[Request, EncodedReply, T]


class Exchange(NamedTuple):
    """A request and its reply."""

    request: Request
    reply: EncodedReply
    values: dict[str, Any]


class KeptReplies:
    """The latest reply of each method whose content has a uid.

    Replies are kept as bytes and decoded each time, so that a caller who changes a reply does not change the next one.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._kept: dict[str, tuple[dict[str, Any], str, EncodedReply]] = {}

    def recall(self, method: Method[..., Any], params: dict[str, Any], uid: str | None) -> dict[str, Any] | None:
        """Return the reply to the same request if its content still has this ``uid``."""
        with self._guard:
            kept = self._kept.get(method.name)
        if kept is None or kept[:2] != (params, uid):
            return None
        return kept[2].values()

    def latest(self, method: str) -> dict[str, Any] | None:
        """Return the latest reply, no matter how old it is.

        Completion uses it, because completion must not send requests.
        """
        with self._guard:
            kept = self._kept.get(method)
        return None if kept is None else kept[2].values()

    def keep(self, method: Method[..., Any], params: dict[str, Any], uid: str | None, reply: EncodedReply) -> None:
        """Keep a reply. Refusals have no ``uid`` and are not kept."""
        if uid:
            with self._guard:
                self._kept[method.name] = (params, uid, reply)


def requesting(identity: Identity, method: Method[..., Any], params: dict[str, Any]) -> RequestSteps[Exchange]:
    """Send a request with user, group and lock key filled in; send it again if only the default group was wrong."""
    sent = identity.fill(method, params)
    if added := [name for name in method.extensions if name in sent and name not in params]:
        # Another version of the service would refuse a parameter that the caller has not even written.
        status = yield from exchanging(Request("status", {}))
        for name in set(added) - set(status.values.get("extensions") or ()):
            del sent[name]
    first = yield from exchanging(Request(method.name, sent))
    if again := identity.retry(params, sent, first.values):
        second = yield from exchanging(Request(method.name, again))
        if identity.settle(again, second.values):
            return second
    return first


def requesting_cached(
    identity: Identity,
    kept_replies: KeptReplies,
    method: Method[..., Any],
    params: dict[str, Any],
    uid: str,
    *,
    reload: bool,
) -> RequestSteps[Exchange | dict[str, Any]]:
    """Return the kept reply if the status still shows its ``uid``; otherwise send the request and keep the reply."""
    if not reload:
        status = yield from exchanging(Request("status", {}))
        if (kept := kept_replies.recall(method, params, status.values.get(uid))) is not None:
            return kept
    exchange = yield from requesting(identity, method, params)
    kept_replies.keep(method, params, exchange.values.get(uid), exchange.reply)
    return exchange


def exchanging(request: Request) -> RequestSteps[Exchange]:
    """Send one request as it is."""
    reply = yield request
    return Exchange(request, reply, reply.values())
