"""Commands for the service itself: its address, its lock, its input() prompts."""

from getpass import getpass
from typing import Any

from bluesky_qs.errors import NotFound
from bluesky_qs.words.arguments import note_fault
from ipython_extension.session.session import Session
from ipython_extension.shown.display import ReplyView, View
from ipython_extension.typed.line import Line
from ipython_extension.words.replies import present
from ipython_extension.words.vocabulary import word

_ENVIRONMENT, _QUEUE = {"environment": True}, {"queue": True}
_PARTS = {
    "env": _ENVIRONMENT,
    "environment": _ENVIRONMENT,
    "queue": _QUEUE,
    "all": _ENVIRONMENT | _QUEUE,
}


@word("connect", "[ADDR] [--user U] [--group G]")
def connect(session: Session, line: Line) -> View:
    """Connect to the service at another address: host, host:port or tcp://host:port.

    Nothing changes if no service answers there.
    """
    words, options = line.words({"--user": lambda token: token.text, "--group": lambda token: token.text})
    if len(words) > 1:
        raise line.fault("connect takes one address", words[1].start)
    address = words[0].text if words else None
    client = session.settings.connect(address=address, user=options.get("user"), group=options.get("group"))
    session.forget()
    status = session.status()
    return ReplyView(
        status, f"{status['msg']} at {client.settings.control_addr}, as {client.user} of {client.user_group}."
    )


@word("lock", "[env | queue | all] [NOTE]")
def lock(session: Session, line: Line) -> View:
    """Keep others from using the environment (env), from changing the queue (queue), or both (all).

    The key is RM.lock_key, or else the one in your key file, which is created if it is missing. This session, and all
    others with the key, can still work. `%qs unlock` removes the lock; `%qs lock info` shows who locked what.

        %qs lock all "aligning the mirror, back at 15:00"
    """
    parts = line.one_of(line.word("env, queue or all"), _PARTS) if line.more() else _PARTS["all"]
    start = line.at
    note = unquoted(line.rest())
    if fault := note_fault(note):
        raise line.fault(fault, start + 1)
    return locked(session, {**parts, "note": note or None})


@word("answer", "[TEXT]")
def answer(session: Session, line: Line) -> View:
    """Answer an input() or getpass() prompt of user code.

    Without TEXT, you are prompted for it; a password is not shown while you type it.
    """
    question = session.status().get("input_pending")
    if not question:
        raise NotFound("No code is waiting for input")
    text = line.rest() or _typed_answer(question)
    accepted = session.rm.input_reply(question["input_uid"], unquoted(text))
    return ReplyView(accepted, "Answered.")


def locked(session: Session, params: dict[str, Any]) -> View:
    """Lock, and keep the key, because this session would be locked out without it."""
    key = params.setdefault("lock_key", session.lock_key())
    reply = session.rm.lock(**params)
    session.rm.lock_key = str(key)
    return present(session, "lock", params, reply)


def _typed_answer(question: dict[str, Any]) -> str:
    if question.get("secret"):
        return getpass(question["prompt"])
    return input(question["prompt"])


def unquoted(text: str) -> str:
    """The text without the quotes around it, if there are any."""
    quote = text[:1]
    return text[1:-1] if quote in ("'", '"') and len(text) > 1 and text.endswith(quote) else text
