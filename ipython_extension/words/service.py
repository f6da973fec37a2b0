"""Commands for the service itself: its address, its lock, its input() prompts."""

from collections.abc import Sequence
from getpass import getpass
from typing import Any

from bluesky_qs.addresses import CONTROL_PORT
from bluesky_qs.client.http_settings import is_http
from bluesky_qs.client.locks import new_lock_key
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.errors import ConfigError, NotFound
from bluesky_qs.words.arguments import note_fault
from ipython_extension.session import connecting
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


#: For a service on a nonstandard port that does not report its info address, such as bluesky-queueserver.
_GUESS = (
    "This service does not send the address of its live output (tables, plots, console). %qs assumes {info}.\n"
    "If live tables are missing, give the service's --zmq-info-addr: %qs connect {address} --info HOST:PORT\n"
    "or set the environment variable QSERVER_ZMQ_INFO_ADDRESS before you start IPython."
)
_TEXT = ("--info", "--user", "--group", "--provider", "--ca-file")


@word("connect", "[ADDR] [--info ADDR] [--user U] [--group G] [--provider P] [--ca-file FILE] [--sign-in | --sign-out]")
def connect(session: Session, line: Line) -> View:
    """Connect to the service at another address: host, host:port, tcp://host:port or ipc:///path, or an HTTP server.

    If no service answers there, nothing changes, and the error shows which service you still use. --info is the address
    of the socket for live output (--zmq-info-addr). You need it only if the service does not send this address to its
    clients.

    The address of an HTTP server begins with https://. The server may require you to sign in with a password, on a page
    in a browser, or with an API key. A key for later sessions is kept in your keyring, or in a file that only you can
    read. It is valid for 30 days. --user uses the key that was kept for this user, or signs in. --sign-in signs in
    again; the new key replaces the user's old key, which is revoked. --sign-out revokes and deletes the key. The user
    and the group come from the sign-in. With a shared key, items also show --user. --ca-file is the certificate of your
    site's own certificate authority.

        %qs connect https://beamline.example
    """
    words, options = line.words(
        {**dict.fromkeys(_TEXT, lambda token: token.text), "--sign-in": None, "--sign-out": None}
    )
    if len(words) > 1:
        raise line.fault("connect takes one address", words[1].start)
    address = words[0].text if words else None
    with connecting.staying(session, address):
        return _connected_to(session, address, options, line)


def _connected_to(session: Session, address: str | None, options: dict[str, Any], line: Line) -> View:
    if "sign-out" in options and address is None and not session.settings.uses_http():
        address = connecting.only_server()
    if is_http(address) if address else session.settings.uses_http():
        return _connected_over_http(session, address, options, line)
    if others := options.keys() - {"user", "group", "info"}:
        raise line.fault(f"--{min(others)} needs the address of an HTTP server: https://…")
    info = options.get("info")
    client, assumed = session.settings.connect(
        address=address, info=info, user=options.get("user"), group=options.get("group")
    )
    session.forget()
    is_usual = client.settings.address.endswith(f":{CONTROL_PORT}")
    notes = [] if assumed is None or is_usual else [_GUESS.format(info=assumed, address=address)]
    return _connected(session, client, [], notes)


def _connected_over_http(session: Session, address: str | None, options: dict[str, Any], line: Line) -> View:
    if "group" in options:
        raise line.fault("Over HTTP, the group comes from the sign-in: leave --group out")
    if "info" in options:
        raise line.fault("Over HTTP, live output comes from the HTTP server: leave --info out")
    if "sign-out" in options and "sign-in" in options:
        raise line.fault("Give --sign-in or --sign-out, not both")
    wish = connecting.Wish(options.get("user", ""), options.get("provider", ""), anew="sign-in" in options)
    with session.settings.http_client(address=address, ca_file=options.get("ca-file")) as candidate:
        if "sign-out" in options:
            message = connecting.sign_out(candidate, wish.user)
            if candidate.settings == session.rm.settings:
                session.settings.use(candidate)
            return ReplyView({}, message)
        messages = connecting.signed_in(candidate, wish)
        client = session.settings.use(candidate)
    if wish.user:
        client.user = wish.user  # only with a shared key
    session.forget()
    return _connected(session, client, messages)


def _connected(session: Session, client: REManagerAPI, messages: Sequence[str], notes: Sequence[str] = ()) -> View:
    status = session.status()
    whom = connecting.as_whom(client)
    sentence = f"{status['msg']} at {client.settings.address}, {whom} (group {client.user_group})."
    return ReplyView(status, "\n".join([*messages, sentence, *notes]))


@word("lock", "[env | queue | all] [NOTE]")
def lock(session: Session, line: Line) -> View:
    """Keep others from using the environment (env), from changing the queue (queue), or both (all).

    The key is RM.lock_key, or the one in your key file, which is created if it is missing. This session and
    all others with the key can still work. `%qs unlock` removes the lock; `%qs lock info` shows who locked what.

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

    Without TEXT, you are prompted for it; a password is not shown while you type it. User code can ask for input only
    if the service was started with --worker-input ask; by default, input() is an error in the plan.
    """
    question = session.status().get("input_pending")
    if not question:
        raise NotFound("No user code is waiting for input")
    text = line.rest() or _typed_answer(question)
    accepted = session.rm.input_reply(question["input_uid"], unquoted(text))
    return ReplyView(accepted, "Answered.")


def locked(session: Session, params: dict[str, Any]) -> View:
    """Lock, and store the key, because this session would otherwise be locked out. A refused lock stores no key."""
    known = params.get("lock_key") or session.lock_key()
    key = params["lock_key"] = known or new_lock_key()
    reply = session.rm.lock(**params)
    session.rm.lock_key = str(key)
    if known is None:
        try:
            session.rm.set_default_lock_key(key)
        except ConfigError as error:
            error.add_note("The service is locked. Only this session has the key, so unlock it here (%qs unlock).")
            raise
    return present(session, "lock", params, reply)


def _typed_answer(question: dict[str, Any]) -> str:
    if question.get("secret"):
        return getpass(question["prompt"])
    return input(question["prompt"])


def unquoted(text: str) -> str:
    """The text without the quotes around it, if there are any."""
    quote = text[:1]
    return text[1:-1] if quote in ("'", '"') and len(text) > 1 and text.endswith(quote) else text
