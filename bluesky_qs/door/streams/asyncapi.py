"""The streams as an AsyncAPI document, made from their table."""

import inspect
from typing import Any

from bluesky_qs.api.events import AnyEvent
from bluesky_qs.api.paths import PREFIX
from bluesky_qs.api.schema import Schema
from bluesky_qs.door.components import Components
from bluesky_qs.door.streams import entrance
from bluesky_qs.door.streams.messages import Auth, Dropped, Gap, Heartbeat
from bluesky_qs.door.streams.table import STREAMS, Stream

_SUMMARY = (
    "The messages that the HTTP door publishes. Each stream is a websocket; some are also Server-Sent Events or "
    "lines. "
    "docs/http-streams.md explains them. The same streams exist for each instrument, below /api/instruments/NAME."
)


def document() -> Schema:
    """The document."""
    made = _Document()
    for stream in STREAMS:
        made.add(stream)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Streams of bluesky_qs", "version": "1", "description": _SUMMARY},
        "servers": {
            "websocket": {"host": "localhost:60610", "protocol": "ws", "security": _SECURITY},
            "http": {"host": "localhost:60610", "protocol": "http", "security": _SECURITY},
        },
        "defaultContentType": "application/json",
        "channels": made.channels,
        "operations": made.operations,
        "components": {
            "messages": made.messages,
            "schemas": dict(sorted(made.schemas.items())),
            "securitySchemes": {
                "key": {
                    "type": "httpApiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "The word ApiKey, a space and an API key",
                },
                "token": {"type": "http", "scheme": "bearer", "description": "An access token"},
            },
        },
    }


_SECURITY = [{"$ref": "#/components/securitySchemes/key"}, {"$ref": "#/components/securitySchemes/token"}]


class _Document:
    """The parts of the document that come from the streams."""

    def __init__(self) -> None:
        self.channels: Schema = {}
        self.operations: Schema = {}
        self.messages: Schema = {}
        self._components = Components()
        self.schemas = self._components.schemas

    def add(self, stream: Stream) -> None:
        messages = [self._message(stream.message)]
        if stream.is_ours:
            messages += [self._message(Heartbeat), self._message(Gap if stream.resumes else Dropped)]
        after = {"after": _number("The last event that the client has received")} if stream.resumes else {}
        names = {"names": _text("Device names, separated by commas")} if stream.takes_names else {}
        query = {"api_key": _text("A key"), "access_token": _text("An access token"), **after, **names}
        self._channel(stream.name, stream, stream.websocket, messages)
        self.channels[stream.name] |= {"bindings": {"ws": {"query": {"type": "object", "properties": query}}}}
        self.channels[stream.name]["messages"]["Auth"] = _reference(f"messages/{self._message(Auth)}")
        self.operations[f"{stream.name}_auth"] = _operation("receive", stream.name, ["Auth"], _AUTH)
        for path, suffix in ((stream.server_sent, "server_sent"), (stream.lines, "lines")):
            if path:
                name = f"{stream.name}_{suffix}"
                self._channel(name, stream, path, messages, "http")
                binding = {"method": "GET"} | ({"query": {"type": "object", "properties": after}} if after else {})
                self.operations[name] |= {"bindings": {"http": binding}}

    def _channel(self, name: str, stream: Stream, path: str, messages: list[str], server: str = "websocket") -> None:
        self.channels[name] = {
            "address": PREFIX + path,
            "description": f"{stream.text} Scope: `{stream.scope}`.",
            "servers": [{"$ref": f"#/servers/{server}"}],
            "messages": {message: _reference(f"messages/{message}") for message in messages},
        }
        self.operations[name] = _operation("send", name, messages, stream.text)

    def _message(self, shape: Any) -> str:
        """Add the message of this shape, and return its name."""
        name = "Event" if shape == AnyEvent else shape.__name__
        text = "An event; `type` says which." if shape == AnyEvent else inspect.cleandoc(vars(shape)["__doc__"] or "")
        summary = text.split("\n\n")[0].replace("\n", " ")
        self.messages[name] = {"summary": summary, "payload": self._components.schema(shape)}
        return name


_AUTH = f"Credentials, within {entrance.PATIENCE:g} s, if they came neither in a header nor in the query."


def _operation(action: str, channel: str, messages: list[str], text: str) -> Schema:
    """An operation: the door sends or receives messages."""
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": text,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"} for message in messages],
    }


def _reference(path: str) -> Schema:
    return {"$ref": f"#/components/{path}"}


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _number(description: str) -> Schema:
    return {"type": "integer", "minimum": 0, "description": description}
