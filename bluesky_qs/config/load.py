"""Settings from four sources: default < environment < configuration file < command line."""

import os
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_origin

from bluesky_qs.addresses import collide, hide_password
from bluesky_qs.config import files
from bluesky_qs.config.schema import DEFAULT_REDIS_ADDR, SECTIONS, Field, Http, Setting, Settings, choices, fields
from bluesky_qs.errors import ConfigError, WrongOption
from bluesky_qs.nearest import did_you_mean, nearest

CONFIG_OPTION = "--config"
CONFIG_VARIABLE = "QSERVER_CONFIG"
HTTP_CONFIG_VARIABLE = "QSERVER_HTTP_SERVER_CONFIG"

#: Prefix of our environment variables.
_OURS = "QSERVER_"
#: Variables of clients, which a service may see as well, and prefixes of other programs' variables.
_OF_CLIENTS = (
    "QSERVER_ZMQ_CONTROL_ADDRESS",
    "QSERVER_ZMQ_INFO_ADDRESS",
    "QSERVER_ZMQ_ENCODING",
    "QSERVER_ZMQ_PUBLIC_KEY",
    "QSERVER_USER",
    "QSERVER_USER_GROUP",
)
_OF_OTHERS = ("QSERVER_HTTP_",)
_WORDS = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}
#: Sources of startup code; a profile may accompany a module or a script.
_CODE = ("startup.startup_dir", "startup.startup_profile", "startup.startup_module", "startup.startup_script")
#: Ranks of the sources.
_ENVIRONMENT, _FILE, _COMMAND_LINE = 1, 2, 3
_EXCLUSIVE = [(_CODE[0], _CODE[1]), *combinations((_CODE[0], *_CODE[2:]), 2)]


class Origin(NamedTuple):
    """The source of a value. The higher rank takes precedence."""

    rank: int
    where: str

    @property
    def error(self) -> type[ConfigError]:
        """The error for a wrong value from this source."""
        return WrongOption if self.rank == _COMMAND_LINE else ConfigError


class Loaded(NamedTuple):
    """Settings, the source of each value that is not a default, by key, and the path of the configuration file."""

    settings: Settings
    origins: Mapping[str, Origin]
    config: str | None = None

    def described(self) -> list[str]:
        """Return a log line for each setting that is not a default, without secrets."""
        lines: list[str] = []
        for field in fields():
            if origin := self.origins.get(field.key):
                value = getattr(getattr(self.settings, field.section), field.name)
                shown = "***" if field.setting.secret else hide_password(repr(value))
                lines.append(f"{field.key} = {shown} ({origin.where})")
        return lines


class _Values:
    """Converted values by key, with their sources."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[str, Origin] = {}

    def set(self, field: Field, raw: Any, origin: Origin) -> None:
        if raw is None or (raw == "" and field.default is None):
            return
        try:
            self.values[field.key] = _convert(field, raw)
        except ValueError as error:
            raise origin.error(f"{origin.where}: {error}") from None
        self.origins[field.key] = origin

    def drop(self, *keys: str) -> None:
        for key in keys:
            self.values.pop(key, None)
            self.origins.pop(key, None)


def load(options: Mapping[str, Any], environ: Mapping[str, str], config: str | None = None) -> Loaded:
    """Load the settings of a service.

    Parameters
    ----------
    options
        Values from the command line, by key (``"network.zmq_encoding"``); None if not given.
    environ
        Environment variables; an empty one counts as not set.
    config
        Path from the command line; without it, the environment may name one.

    Raises
    ------
    ConfigError
        The message names the option, its value unless secret, and its source. It is a `WrongOption` if the source is
        the command line.
    """
    values = _Values()
    known = {field.key: field for field in fields()}
    for field in known.values():
        variable = next((name for name in field.setting.variables if environ.get(name)), None)
        if variable is not None:
            raw: Any = environ[variable]
            if _is_list(field.type):
                raw = [part for part in raw.split(":") if part]
            values.set(field, raw, Origin(_ENVIRONMENT, f"environment variable {variable}"))
    path = config or environ.get(CONFIG_VARIABLE)
    if path:
        for entry in files.read(path):
            field = _field(entry, known)
            origin = Origin(_FILE, f"{field.key} in {entry.file}")
            try:
                values.set(field, files.expanded(entry.value, field.setting, environ), origin)
            except ValueError as error:
                raise ConfigError(f"{origin.where}: {error}") from None
    for key, raw in options.items():
        values.set(known[key], raw, Origin(_COMMAND_LINE, _option(known[key])))
    _choose_startup_code(values)
    _choose_store(values)
    _part_sockets(values)
    return Loaded(_settings(values.values), values.origins, path or None)


def load_http(options: Mapping[str, Any], environ: Mapping[str, str]) -> Http:
    """Load the settings of an HTTP door that runs without a service.

    An address in the environment is not read here: one in the door's configuration file takes precedence over it.

    Raises
    ------
    WrongOption
        The message names the option and its value.
    """
    values = _Values()
    for field in fields():
        if field.section == "http":
            variable = None if field.name == "addr" else next(iter(field.setting.variables), None)
            raw = options.get(field.key) or (environ.get(variable) if variable else None)
            values.set(field, raw, Origin(_COMMAND_LINE, _option(field)))
    return _settings(values.values).http


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Return a warning for each unknown variable with our prefix: a mistyped key would leave a service unprotected."""
    known = [CONFIG_VARIABLE, *_OF_CLIENTS, *(name for field in fields() for name in field.setting.variables)]
    unknown = (name for name in environ if name.startswith(_OURS) and not name.startswith(_OF_OTHERS))
    sentences: list[str] = []
    for name in sorted(set(unknown) - set(known)):
        # The common prefix must not make two names similar.
        near = nearest(name.removeprefix(_OURS), [each.removeprefix(_OURS) for each in known], 1)
        hint = did_you_mean([f"{_OURS}{each}" for each in near])
        sentences.append(f"The environment variable {name} is unknown and ignored{hint}")
    return sentences


def _option(field: Field) -> str:
    return f"option {field.setting.options[0]}" if field.setting.options else "command line"


def _settings(values: Mapping[str, Any]) -> Settings:
    sections: dict[str, Any] = {}
    for section, struct in SECTIONS.items():
        own = {key.partition(".")[2]: value for key, value in values.items() if key.startswith(f"{section}.")}
        sections[section] = struct(**own)
    return Settings(**sections)


def _field(entry: files.FileValue, known: Mapping[str, Field]) -> Field:
    key = f"{entry.section}.{entry.name}"
    if field := known.get(key):
        return field
    if entry.section not in SECTIONS:
        raise ConfigError(f"Unknown section {entry.section!r} in {entry.file}{_meant(entry.section, SECTIONS)}")
    names = [field.name for field in known.values() if field.section == entry.section]
    elsewhere = [field.key for field in known.values() if field.name == entry.name]
    hint = f"; it belongs in {elsewhere[0]}" if elsewhere else _meant(entry.name, names)
    raise ConfigError(f"Unknown key {key} in {entry.file}{hint}")


def _meant(word: str, known: Iterable[str]) -> str:
    return did_you_mean(nearest(word, known, 1)) or f"; known keys are: {', '.join(known)}"


def _choose_startup_code(values: _Values) -> None:
    for a, b in _EXCLUSIVE:
        _exclude(values, (a,), (b,))
    ipython_dir = values.origins.get("startup.ipython_dir")
    # The variable IPYTHONDIR is also meant for other programs, so it does not select startup code.
    if ipython_dir and ipython_dir.rank > _ENVIRONMENT and not any(key in values.values for key in _CODE):
        values.values["startup.startup_profile"] = "default"
        values.origins["startup.startup_profile"] = ipython_dir


def _choose_store(values: _Values) -> None:
    redis = ("network.redis_addr", "network.redis_name_prefix")
    _exclude(values, ("operation.store",), redis)
    if any(key in values.values for key in redis):
        values.values.setdefault("network.redis_addr", DEFAULT_REDIS_ADDR)


def _part_sockets(values: _Values) -> None:
    """Refuse the same port for both sockets. The error from 0MQ would blame another program."""
    keys = ("network.zmq_control_addr", "network.zmq_info_addr")
    defaults = {field.key: field.default for field in fields() if field.key in keys}
    one, other = (values.values.get(key, defaults[key]) for key in keys)
    if collide(one, other):
        both = "; ".join(
            f"{values.origins[key].where if key in values.origins else f'{key} by default'}: {address}"
            for key, address in zip(keys, (one, other), strict=True)
        )
        last = max((values.origins[key] for key in keys if key in values.origins), key=lambda origin: origin.rank)
        raise last.error(f"zmq_control_addr and zmq_info_addr must use different ports; both have the same one: {both}")


def _exclude(values: _Values, some: tuple[str, ...], others: tuple[str, ...]) -> None:
    """If two settings exclude each other, keep the one from the higher source.

    Refuse both if they have the same source.
    """
    some = tuple(key for key in some if key in values.origins)
    others = tuple(key for key in others if key in values.origins)
    if not (some and others):
        return
    a = max((values.origins[key] for key in some), key=lambda origin: origin.rank)
    b = max((values.origins[key] for key in others), key=lambda origin: origin.rank)
    if a.rank == b.rank:
        raise a.error(f"Give only one of: {a.where}; {b.where}")
    values.drop(*(some if a.rank < b.rank else others))


def _is_list(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _convert(field: Field, raw: Any) -> Any:
    """Convert a value to the field's type. The ValueError does not contain a secret value."""
    kind, setting = field.type, field.setting
    if words := choices(kind):
        return _one_of(words, raw)
    if _is_list(kind):
        if not isinstance(raw, (list, tuple)):
            raw = [raw]
        return tuple(text for element in raw if (text := _text(element, setting)))
    kinds = get_args(kind) or (kind,)
    if bool in kinds:
        return _switch(raw)
    if int in kinds:
        return _number(raw, setting)
    return _path(_text(raw, setting)) if setting.path else _text(raw, setting)


def _one_of(words: tuple[str, ...], raw: Any) -> str:
    for word in words:
        if str(raw).lower() == word.lower():
            return word
    raise ValueError(f"{raw!r} is not one of {', '.join(words)}")


def _switch(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    value = _WORDS.get(str(raw).lower())
    if value is None:
        raise ValueError(f"{raw!r} is not ON or OFF")
    return value


def _number(raw: Any, setting: Setting) -> int:
    try:
        number = int(str(raw))  # converted to text first, because True and 1.5 must not become 1
    except ValueError:
        raise ValueError(f"{raw!r} is not an integer") from None
    if setting.minimum is not None and number < setting.minimum:
        raise ValueError(f"{number} is too small: the minimum is {setting.minimum}")
    if setting.maximum is not None and number > setting.maximum:
        raise ValueError(f"{number} is too large: the maximum is {setting.maximum}")
    return number


def _text(raw: Any, setting: Setting) -> str:
    if not isinstance(raw, str):
        shown = "the value" if setting.secret else repr(raw)
        raise ValueError(f"{shown} is not text: put it in quotes")  # noqa: TRY004 - the caller says it to the user
    if setting.pattern and not setting.pattern.fullmatch(raw):
        shown = "the value" if setting.secret else repr(raw)
        raise ValueError(f"{shown} is not {setting.expected}")
    if setting.fault and (fault := setting.fault(raw)):
        raise ValueError(f"{hide_password(repr(raw))} {fault}")
    return raw


def _path(text: str) -> str:
    try:
        return os.path.normpath(Path(text).expanduser().absolute())
    except RuntimeError as error:  # no such user
        raise ValueError(f"{text!r}: {error}") from None
