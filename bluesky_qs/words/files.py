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
    import tokenize  # noqa: PLC0415 - only lines that name a file pay for it

    try:
        # As Python reads its files: with a byte order mark of Windows, or in the encoding that the first lines name.
        with tokenize.open(Path(file.path).expanduser()) as source:
            text = source.read()
    except OSError as error:
        raise UsageError(f"Cannot read {file.path!r}: {error.strerror}") from None
    except (UnicodeDecodeError, SyntaxError):
        raise UsageError(f"{file.path!r} is not a text file, or not in UTF-8") from None
    return _yaml(file.path, text) if file.kind == "yaml" else text


def _yaml(path: str, text: str) -> Any:
    import yaml  # noqa: PLC0415 - only 'permissions set' pays for it

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"{path!r} is not valid YAML: {error}") from None
