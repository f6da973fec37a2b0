"""Puts the contents of the files that a line names into its parameters."""

from pathlib import Path
from typing import Any

from bluesky_qs.words.arguments import FileContents
from bluesky_qs.words.grammar import UsageError


def read(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters with every `FileContents` replaced by what the file holds.

    Raises
    ------
    UsageError
        A file cannot be read, or is not what it should be.
    """
    return {name: _contents(value) if isinstance(value, FileContents) else value for name, value in params.items()}


def _contents(file: FileContents) -> Any:
    try:
        text = Path(file.path).expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"Cannot read {file.path!r}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file.path!r} is not a text file") from None
    return _yaml(file.path, text) if file.kind == "yaml" else text


def _yaml(path: str, text: str) -> Any:
    import yaml  # noqa: PLC0415 - only 'permissions set' pays for it

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"{path!r} is not valid YAML: {error}") from None
