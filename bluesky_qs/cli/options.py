"""The options of ``qserver``, before or after its words."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from bluesky_qs.words.grammar import UsageError

HELP = """\
  -a, --zmq-control-addr ADDRESS    the service, default tcp://localhost:60615
                                    (or QSERVER_ZMQ_CONTROL_ADDRESS)
      --zmq-info-addr ADDRESS       its news, default tcp://localhost:60625
                                    (or QSERVER_ZMQ_INFO_ADDRESS)
      --zmq-encoding json|msgpack   (or QSERVER_ZMQ_ENCODING)
  -k, --lock-key KEY                sent where a lock may refuse
      --user-group GROUP            whose permissions decide
                                    (or QSERVER_USER_GROUP)
  -t, --timeout SECONDS             how long to wait for the answer, default 2
      --json                        print the answer as JSON, complete
  -v, --verbose                     print the words as they were understood
  -h, --help                        this text
  -V, --version                     the version"""


@dataclass(slots=True)
class Options:
    """What the options of a line say, and its words."""

    words: list[str] = field(default_factory=list)
    control_addr: str | None = None
    info_addr: str | None = None
    encoding: str | None = None
    lock_key: str | None = None
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
    "-k": "lock_key",
    "--lock-key": "lock_key",
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
_SWITCHES = frozenset(f.name for f in fields(Options) if f.default is False)


def parse(arguments: Sequence[str]) -> Options:
    """Sort a command line into options and words; ``--`` ends the options.

    Raises
    ------
    UsageError
        An option is unknown, or its value missing or wrong.
    """
    options = Options()
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            options.words += rest
            break
        if not argument.startswith("-") or _is_number(argument):
            options.words.append(argument)
        else:
            _set(options, argument, rest)
    return options


def _set(options: Options, argument: str, rest: list[str]) -> None:
    name, equals, value = argument.partition("=")
    if name not in _NAMES:
        import difflib  # noqa: PLC0415 - only a mistaken line pays for it

        raise UsageError(f"No such option: {name}", near=difflib.get_close_matches(name, _NAMES))
    attribute = _NAMES[name]
    if attribute in _SWITCHES:
        if equals:
            raise UsageError(f"Option {name} takes no value")
        setattr(options, attribute, True)
        return
    if not equals:
        if not rest:
            raise UsageError(f"Option {name} needs a value")
        value = rest.pop(0)
    setattr(options, attribute, _seconds(name, value) if attribute == "timeout" else value)


def _seconds(name: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise UsageError(f"Option {name} needs a number of seconds, not {value!r}")
    return seconds


def _is_number(argument: str) -> bool:
    return argument[1:].isdecimal()
