"""Configuration files: YAML files in which ``${NAME}`` stands for the value of an environment variable."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bluesky_qs.config.schema import Setting
from bluesky_qs.errors import ConfigError

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HINTS = {"run_engine": "create the RunEngine in the startup code, with the name RE"}


class FileValue(NamedTuple):
    """A value in a configuration file, as it is written there."""

    section: str
    name: str
    value: Any
    file: Path


def read(path: str) -> list[FileValue]:
    """Return every setting in the file, or in the ``*.yml`` and ``*.yaml`` files of the folder, without checking names.

    Raises
    ------
    ConfigError
        The file does not exist or is not valid YAML, or two files set the same key.
    """
    entries: dict[tuple[str, str], FileValue] = {}
    for file in _files(Path(path).expanduser()):
        for entry in _entries(file):
            known = entries.setdefault((entry.section, entry.name), entry)
            if known is not entry:
                raise ConfigError(f"{entry.section}.{entry.name} is set twice: in {known.file} and in {file}")
    return list(entries.values())


def sections(path: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the sections of the file, or of the files of the folder, with each ``${NAME}`` replaced by that variable.

    Values keep the structure that they have in YAML, and are not checked.

    Raises
    ------
    ConfigError
        The file does not exist or is not valid YAML, two files have the same section, or a variable is not set.
    """
    found: dict[str, Any] = {}
    for file in _files(Path(path).expanduser()):
        for name, value in _mapping(_parse(file), f"The configuration file {file}").items():
            if name in found:
                raise ConfigError(f"Section {name!r} is defined twice; the second time in {file}")
            found[str(name)] = _replaced(value, environ, f"section {name!r} in {file}")
    return found


def _replaced(value: Any, environ: Mapping[str, str], where: str) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(element, environ, where) for key, element in value.items()}
    if isinstance(value, list):
        return [_replaced(element, environ, where) for element in value]
    if not isinstance(value, str):
        return value

    def replaced(match: re.Match[str]) -> str:
        if match[1] in environ or not _NAME.fullmatch(match[1]):
            return environ.get(match[1], match[0])
        raise ConfigError(f"The environment variable {match[1]}, used in {where}, is not set")

    return _VARIABLE.sub(replaced, value)


def expanded(value: Any, setting: Setting, environ: Mapping[str, str]) -> Any:
    """Return the value with each ``${NAME}`` replaced by that variable.

    Braces around anything else are not changed. Neither is a value that is a complete key, because the characters of a
    key may look like a variable.

    Raises
    ------
    ValueError
        A variable is not set. The message contains no part of a key.
    """
    if isinstance(value, list):
        return [expanded(element, setting, environ) for element in value]
    if not isinstance(value, str):
        return value
    is_only_a_name = _VARIABLE.fullmatch(value)
    if setting.secret and setting.pattern and setting.pattern.fullmatch(value) and not is_only_a_name:
        return value

    def replaced(match: re.Match[str]) -> str:
        if match[1] in environ:
            return environ[match[1]]
        if not _NAME.fullmatch(match[1]):
            return match[0]
        name = f"the environment variable {match[1]}"
        if setting.secret and not is_only_a_name:
            name = "an environment variable in the value"
        raise ValueError(f"{name} is not set")

    return _VARIABLE.sub(replaced, value)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.suffix in {".yml", ".yaml"} and file.is_file())
    if not path.exists():
        raise ConfigError(f"The configuration file {path} does not exist")
    return [path]


def _entries(file: Path) -> Iterator[FileValue]:
    for section, values in _mapping(_parse(file), f"The configuration file {file}").items():
        if section in _HINTS:
            raise ConfigError(f"Section {section!r} in {file} is not supported: {_HINTS[section]}")
        for name, value in _mapping(values, f"Section {section!r} in {file}").items():
            yield FileValue(str(section), str(name), value, file)


def _parse(file: Path) -> Any:
    import yaml  # noqa: PLC0415 - a service without a configuration file starts without YAML

    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"The configuration file {file} cannot be read: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        # The parser's own text shows the line, which may contain a secret key.
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"The configuration file {file} is not valid YAML{line}: {error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigError(
            f"The configuration file {file} is not valid YAML: it contains bytes that are not text"
        ) from None


def _mapping(value: Any, what: str) -> Mapping[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f"{what} must contain keys and values, but it is of type {type(value).__name__}")
    return value
