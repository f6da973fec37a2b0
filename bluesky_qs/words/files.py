"""Reads the files that a command names, and puts their contents into its parameters."""

from pathlib import Path
from typing import Any, cast

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


def naming_rows(params: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    """Return the reply. For a spreadsheet, it names the rows that are wrong or have warnings."""
    items = params.get("items")
    if not hasattr(items, "places"):
        return response
    from bluesky_qs.words import spreadsheet  # noqa: PLC0415 - only for spreadsheets

    return spreadsheet.naming_rows(response, cast("spreadsheet.SheetItems", items))


def _contents(file: FileContents) -> Any:
    if file.kind == "spreadsheet":
        return _items(file.path)
    import tokenize  # noqa: PLC0415 - only needed for commands that name a file

    try:
        # Like Python source: a byte order mark is allowed, and the first lines may declare the encoding.
        with tokenize.open(Path(file.path).expanduser()) as source:
            text = source.read()
    except OSError as error:
        raise UsageError(f"Cannot read {file.path!r}: {error.strerror}") from None
    except (UnicodeDecodeError, SyntaxError):
        raise UsageError(f"{file.path!r} is not a text file, or it is not in UTF-8") from None
    return _yaml(file.path, text) if file.kind == "yaml" else text


def _items(path: str) -> Any:
    from bluesky_qs.words.spreadsheet import SpreadsheetError, read_items  # noqa: PLC0415 - only for spreadsheets

    try:
        return read_items(Path(path).expanduser().read_bytes(), path)
    except OSError as error:
        raise UsageError(f"Cannot read {path!r}: {error.strerror}") from None
    except SpreadsheetError as error:
        raise UsageError(error.message) from None


def _yaml(path: str, text: str) -> Any:
    import yaml  # noqa: PLC0415 - only needed for 'permissions set'

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"{path!r} is not valid YAML: {error}") from None
