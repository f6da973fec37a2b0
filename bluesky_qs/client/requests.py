"""How a client sends requests: it adds user, group, lock key and id, corrects a wrong default group, reuses replies.

It sends only parameters that the service accepts.
"""

import threading
from collections.abc import Generator, Mapping
from typing import Any, NamedTuple, TypeVar

from bluesky_qs.api.method import Method, shown
from bluesky_qs.client.failures import RequestTimeoutError, UnsupportedParameterError
from bluesky_qs.client.http_failures import HTTPUnreachableError, NotAuthorizedError
from bluesky_qs.client.identity import Identity
from bluesky_qs.client.transport import EncodedReply, Request
from bluesky_qs.errors import BadParams

T = TypeVar("T")
#: A procedure whose steps are requests.
RequestSteps = Generator[Request, EncodedReply, T]


class Exchange(NamedTuple):
    """A request and its reply."""

    request: Request
    reply: EncodedReply
    values: dict[str, Any]


class Extensions:
    """The optional parameters that this service accepts, in contrast to bluesky-queueserver. The status lists them."""

    def __init__(self) -> None:
        #: None until the first status.
        self._names: frozenset[object] | None = None

    def update(self, status: Mapping[str, Any]) -> None:
        """Record the names in a status."""
        self._names = frozenset(status.get("extensions") or ())

    def missing(self, method: Method[..., Any], params: Mapping[str, Any]) -> list[str]:
        """The parameters of a request that the service is known not to accept."""
        return [name for name in params if name in method.extensions and name not in (self._names or ())]

    @property
    def are_known(self) -> bool:
        """Whether the service has sent a status."""
        return self._names is not None


class KeptReplies:
    """The latest reply of each method whose content has a uid.

    Replies are kept as bytes and decoded each time, so changes to one reply do not affect the next one.

    Attributes
    ----------
    extensions
        The parameters that the service accepts, from the latest status.
    """

    def __init__(self) -> None:
        self.extensions = Extensions()
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


def requesting(
    identity: Identity, kept_replies: KeptReplies, method: Method[..., Any], params: dict[str, Any]
) -> RequestSteps[Exchange]:
    """Send a request with user, group, lock key and id filled in; send it again if only the default group was wrong.

    Raises
    ------
    UnsupportedParameterError
        The service does not accept one of the parameters.
    """
    sent = yield from _supported(kept_replies.extensions, method, params, identity.fill(method, params))
    first = yield from _exchanging_twice(Request(method.name, sent))
    if method.lenient:
        kept_replies.extensions.update(first.values)
    if _refuses_parameters(first.values) and (added := _filled_in(method, sent, params)):
        # Another version of the service may have replaced the one that listed these parameters.
        status = yield from exchanging(Request("status", {}))
        kept_replies.extensions.update(status.values)
        if missing := kept_replies.extensions.missing(method, added):
            sent = {name: value for name, value in sent.items() if name not in missing}
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
        kept_replies.extensions.update(status.values)
        if (kept := kept_replies.recall(method, params, status.values.get(uid))) is not None:
            return kept
    exchange = yield from requesting(identity, kept_replies, method, params)
    kept_replies.keep(method, params, exchange.values.get(uid), exchange.reply)
    return exchange


def _filled_in(method: Method[..., Any], sent: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The extensions that the client has added to a request."""
    return {name: value for name, value in sent.items() if name in method.extensions and name not in given}


def _refuses_parameters(response: Mapping[str, Any]) -> bool:
    # bluesky-queueserver does not send the class.
    return response.get("success") is False and response.get("error") in (None, BadParams.__name__)


def _supported(
    extensions: Extensions, method: Method[..., Any], given: Mapping[str, Any], sent: dict[str, Any]
) -> RequestSteps[dict[str, Any]]:
    """The parameters to send, without those that the client has added and the service does not accept."""
    missing = extensions.missing(method, sent)
    # A newer service may have replaced the old one, and may accept the parameter.
    if missing and (not extensions.are_known or any(name in given for name in missing)):
        yield from _asking_for(extensions)
        missing = extensions.missing(method, sent)
    if refused := [name for name in missing if name in given]:
        listed = ", ".join(f"{name}={shown(name, given[name])}" for name in refused)
        raise UnsupportedParameterError(f"This service does not support these parameters of {method.name}: {listed}")
    return {name: value for name, value in sent.items() if name not in missing}


def _asking_for(extensions: Extensions) -> RequestSteps[None]:
    """Request the list of supported parameters. A client that may not read the status sends none of them."""
    try:
        status = yield from exchanging(Request("status", {}))
    except NotAuthorizedError:
        extensions.update({})
    else:
        extensions.update(status.values)


def _exchanging_twice(request: Request) -> RequestSteps[Exchange]:
    """Send a request; send it again if no reply arrives and it has an id, so that it is carried out only once."""
    try:
        return (yield from exchanging(request))
    except HTTPUnreachableError:  # if the connection was lost, the request has already been sent again
        raise
    except RequestTimeoutError:
        if not request.params.get("request_id"):
            raise
    return (yield from exchanging(request))


def exchanging(request: Request) -> RequestSteps[Exchange]:
    """Send one request as it is."""
    reply = yield request
    return Exchange(request, reply, reply.values())
