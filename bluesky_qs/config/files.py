"""Configuration files: YAML, with ``${VAR}`` replaced by environment variables."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bluesky_qs.errors import ConfigError

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_HINTS = {"run_engine": "create the RunEngine in the startup code, with the name RE"}


class Entry(NamedTuple):
    """A value found in a file."""

    section: str
    name: str
    value: Any
    file: Path


def read(path: str, environ: Mapping[str, str]) -> list[Entry]:
    """Return every setting in the file, or in the ``*.yml`` and ``*.yaml`` files of the folder, without checking names.

    Raises
    ------
    ConfigError
        The file does not exist or is not valid YAML, a variable is not set, or two files set the same key.
    """
    entries: dict[tuple[str, str], Entry] = {}
    for file in _files(Path(path).expanduser()):
        for entry in _entries(file, environ):
            known = entries.setdefault((entry.section, entry.name), entry)
            if known is not entry:
                raise ConfigError(f"{entry.section}.{entry.name} is set twice: in {known.file} and in {file}")
    return list(entries.values())


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.suffix in {".yml", ".yaml"} and file.is_file())
    if not path.exists():
        raise ConfigError(f"The configuration file {path} does not exist")
    return [path]


def _entries(file: Path, environ: Mapping[str, str]) -> Iterator[Entry]:
    for section, values in _mapping(_parse(file), f"The configuration file {file}").items():
        if section in _HINTS:
            raise ConfigError(f"Section {section!r} in {file} is not supported: {_HINTS[section]}")
        for name, value in _mapping(values, f"Section {section!r} in {file}").items():
            try:
                yield Entry(str(section), str(name), _expand(value, environ), file)
            except KeyError as error:
                raise ConfigError(
                    f"{section}.{name} in {file}: the environment variable {error.args[0]} is not set"
                ) from None


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
        raise ConfigError(f"The configuration file {file} is not YAML{line}: {error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigError(
            f"The configuration file {file} is not valid YAML: it contains bytes that are not text"
        ) from None


def _mapping(value: Any, what: str) -> Mapping[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f"{what} must hold keys and values, but it is of type {type(value).__name__}")
    return value


def _expand(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: environ[match[1]], value)
    if isinstance(value, list):
        return [_expand(element, environ) for element in value]
    return value
