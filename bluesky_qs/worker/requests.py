"""Tracks requests from consoles to run code, from their arrival in the kernel until they are done."""

from typing import Any


class ConsoleRequests:
    """The requests to run code in the main thread, by id. Any thread may use this object.

    Parameters
    ----------
    session
        The kernel's `jupyter_client.session.Session`.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._ids: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._ids)

    def arrived(self, message: list[Any]) -> None:
        """Record a message from a console, if the kernel will run code for it."""
        frames = self._frames(message)
        header = self._header(frames)
        asks = header.get("msg_type") == "execute_request" and header.get("subshell_id") is None
        if asks and self._is_accepted(frames):
            self._ids.add(str(header.get("msg_id")))

    def handled(self, message: list[Any]) -> None:
        """Forget a message that has been handled."""
        self.done_with({"header": self._header(self._frames(message))})

    def done_with(self, request: Any) -> None:
        """Forget an unpacked message whose code has run; its reply follows."""
        self._ids.discard(str(request["header"].get("msg_id")))

    def _frames(self, message: list[Any]) -> list[bytes]:
        """Return the signature, the header and the other parts; empty for a message from the kernel to itself."""
        try:
            return [frame.bytes for frame in self._session.feed_identities(message, copy=False)[1]]
        except ValueError:
            return []

    def _header(self, frames: list[bytes]) -> dict[str, Any]:
        try:
            header = self._session.unpack(frames[1])
        except (IndexError, ValueError):
            return {}
        return header if isinstance(header, dict) else {}

    def _is_accepted(self, frames: list[bytes]) -> bool:
        # The kernel drops some messages without an answer: messages without its key, and repeated messages.
        signature = frames[0]
        return signature == self._session.sign(frames[1:5]) and signature not in self._session.digest_history
