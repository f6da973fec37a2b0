"""The options of ``qserver``, before or after its command."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from bluesky_qs.nearest import nearest
from bluesky_qs.words.grammar import UsageError

HELP = """\
  -a, --zmq-control-addr ADDRESS    address of the service, default
                                    tcp://localhost:60615
                                    (or QSERVER_ZMQ_CONTROL_ADDRESS)
      --zmq-info-addr ADDRESS       its info (publish) socket, default
                                    tcp://localhost:60625
                                    (or QSERVER_ZMQ_INFO_ADDRESS)
      --zmq-encoding json|msgpack   encoding of the service, default json
                                    (or QSERVER_ZMQ_ENCODING)
      --http URL                    use the HTTP server at this address, such as
                                    https://beamline.example, in place of 0MQ
      --api-key-file FILE           file with the API key for it (or
                                    QSERVER_HTTP_SERVER_API_KEY, or
                                    QSERVER_HTTP_SERVER_API_KEYFILE, or the key
                                    that '%qs connect' keeps)
      --ca-file FILE                certificates to trust instead of those of
                                    the system
  -k, --lock-key KEY                key to use while the manager is locked
      --user NAME                   your name (or QSERVER_USER); over HTTP, the
                                    user whose kept key is used
      --user-group GROUP            user group whose permissions apply
                                    (or QSERVER_USER_GROUP)
  -t, --timeout SECONDS             how long to wait for a reply, default 2
                                    (over HTTP 5)
      --json                        print the whole reply as JSON;
                                    'monitor' prints one line per change
  -v, --verbose                     print the command as qserver reads it
  -h, --help                        show this text
  -V, --version                     show the version"""


class BadOption(UsageError):
    """An option is unknown, or its value is missing or wrong."""


@dataclass(slots=True)
class Options:
    """The options and the words of a command line."""

    words: list[str] = field(default_factory=list)
    control_addr: str | None = None
    info_addr: str | None = None
    encoding: str | None = None
    http: str | None = None
    api_key_file: str | None = None
    ca_file: str | None = None
    lock_key: str | None = None
    user: str | None = None
    user_group: str | None = None
    timeout: float | None = None
    json: bool = False
    verbose: bool = False
    help: bool = False
    version: bool = False


#: Spelling → attribute of `Options`.
_NAMES = {
    "-a": "control_addr",
    "--zmq-control-addr": "control_addr",
    "--address": "control_addr",
    "--zmq-info-addr": "info_addr",
    "--zmq-encoding": "encoding",
    "--http": "http",
    "--api-key-file": "api_key_file",
    "--ca-file": "ca_file",
    "-k": "lock_key",
    "--lock-key": "lock_key",
    "--user": "user",
    "--user-group": "user_group",
    "-t": "timeout",
    "--timeout": "timeout",
    "--json": "json",
    "-v": "verbose",
    "--verbose": "verbose",
    "-h": "help",
    "--help": "help",
    "-V": "version",
    "--version": "version",
}
#: Words that look like options but belong to a command, as at the prompt.
_OF_COMMANDS = frozenset(("--search", "--grep", "--level"))
_SWITCHES = frozenset(f.name for f in fields(Options) if f.default is False)


def parse(arguments: Sequence[str]) -> Options:
    """Sort a command line into options and words; ``--`` ends the options.

    Raises
    ------
    BadOption
        An option is unknown, or its value is missing or wrong.
    UsageError
        The lock key is empty, or an argument is not text.
    """
    options = Options()
    rest = list(arguments)
    for argument in rest:
        if argument.encode(errors="replace").decode() != argument:
            raise UsageError(f"{argument!r} is not valid text in the encoding of this terminal")
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            options.words += rest
            break
        if not _is_option(argument):
            options.words.append(argument)
        else:
            _set(options, argument, rest)
    _check(options)
    return options


def _check(options: Options) -> None:
    """Refuse options that do not go together."""
    over_zmq = options.control_addr or options.info_addr or options.encoding
    if options.http is not None and over_zmq:
        raise BadOption("Give --http or the 0MQ options (--zmq-…), not both")
    if options.http is not None and options.user_group is not None:
        raise BadOption("Over HTTP, the user group comes from the sign-in: leave out --user-group")
    if options.http is None and (options.api_key_file or options.ca_file):
        raise BadOption("--api-key-file and --ca-file need --http URL")


def _set(options: Options, argument: str, rest: list[str]) -> None:
    name, value = _parted(argument)
    attribute = _attribute(name)
    if attribute in _SWITCHES:
        if value is not None:
            raise BadOption(f"Option {name} takes no value")
        setattr(options, attribute, True)
        return
    if value is None:
        if not rest:
            raise BadOption(f"Option {name} needs a value")
        value = rest.pop(0)
    if attribute == "lock_key" and not value:
        # Probably an unset variable in a script. A request without a key would mean something else.
        raise UsageError(f"Option {name}: Lock key must be a non-empty string")
    setattr(options, attribute, _seconds(name, value) if attribute == "timeout" else value)


def _parted(argument: str) -> tuple[str, str | None]:
    """Split ``--name=value``, ``-n=value`` or ``-nvalue``; the value is None if it is a separate argument."""
    name, equals, value = argument.partition("=")
    if equals:
        return name, value
    short = argument[:2]
    if short in _NAMES and len(argument) > len(short) and _NAMES[short] not in _SWITCHES:
        return short, argument[2:]
    return argument, None


def _attribute(name: str) -> str:
    """Return the attribute that an option sets. A long option may be abbreviated if it is unambiguous."""
    if name in _NAMES:
        return _NAMES[name]
    meant = [spelling for spelling in _NAMES if name.startswith("--") and len(name) > 2 and spelling.startswith(name)]  # noqa: PLR2004 - there must be text after the dashes
    attributes = {_NAMES[spelling] for spelling in meant}
    if len(attributes) == 1:
        return attributes.pop()
    if meant:
        raise BadOption(f"Option {name} is ambiguous", near=meant)
    raise BadOption(f"No such option: {name}", near=nearest(name, _NAMES))


def _seconds(name: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise BadOption(f"Option {name} needs a number of seconds, not {value!r}")
    return seconds


def _is_option(argument: str) -> bool:
    """Whether an argument is an option of ``qserver``, and not a negative position or text with spaces, such as a
    NOTE.
    """
    name = argument.partition("=")[0]
    if name in _OF_COMMANDS:
        return False
    return len(name) > 1 and name.startswith("-") and not name[1:].isdecimal() and " " not in name
