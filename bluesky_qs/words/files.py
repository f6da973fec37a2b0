"""Reads the files that a command names, and puts their contents into its parameters."""

from pathlib import Path
from typing import Any

from bluesky_qs.words.arguments import FileContents
from bluesky_qs.words.grammar import UsageError


def read(params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with each `FileContents` replaced with the content of the file.

    Raises
    ------
    UsageError
        A file cannot be read, or its content is not valid.
    """
    return {name: _contents(value) if isinstance(value, FileContents) else value for name, value in params.items()}


def _contents(file: FileContents) -> Any:
    import tokenize  # noqa: PLC0415 - only needed for commands that name a file

    try:
        # Like Python source: a byte order mark is allowed, and the first lines may declare the encoding.
        with tokenize.open(Path(file.path).expanduser()) as source:
            text = source.read()
    except OSError as error:
        raise UsageError(f"Cannot read {file.path!r}: {error.strerror}") from None
    except (UnicodeDecodeError, SyntaxError):
        raise UsageError(f"{file.path!r} is not a text file, or not in UTF-8") from None
    return _yaml(file.path, text) if file.kind == "yaml" else text


def _yaml(path: str, text: str) -> Any:
    import yaml  # noqa: PLC0415 - only needed for 'permissions set'

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"{path!r} is not valid YAML: {error}") from None
