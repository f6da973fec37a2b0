"""The file ``existing_plans_and_devices.yaml``: written as JSON, which is valid YAML; read as JSON or YAML."""

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from bluesky_qs.plans.model import DeviceSpec, PlanSpec

FILE_NAME = "existing_plans_and_devices.yaml"
_COMMENT = b"# Written by the Queue Server from the startup code; manual changes will be overwritten.\n"
# Characters that JSON allows inside quotes but that YAML forbids or folds.
_NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


class ListsFile(msgspec.Struct, frozen=True):
    """The existing plans and devices, both as {name: description}, and the reasons why other entries were ignored."""

    existing_plans: dict[str, Any] = {}
    existing_devices: dict[str, Any] = {}
    ignored: list[str] = []


def file_in(path: str | Path) -> Path:
    """Return the path of the file, given this path or the path of its folder."""
    path = Path(path)
    return path / FILE_NAME if path.is_dir() else path


def read(path: str | Path) -> ListsFile:
    """Return the lists in this file (or in the default file in this folder), without invalid descriptions.

    Raises
    ------
    OSError
        The file cannot be read (`FileNotFoundError` if it does not exist).
    ValueError
        The content of the file is not valid.
    """
    file = file_in(path)
    data = file.read_bytes()
    try:
        content = _from_json(data)
    except msgspec.DecodeError:
        try:
            content = _from_yaml(data)
        except ValueError as err:
            raise ValueError(f"{file}: {err}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{file}: must have the keys 'existing_plans' and 'existing_devices'")  # noqa: TRY004
    ignored: list[str] = []
    plans = _described(file, content, "existing_plans", PlanSpec.from_dict, ignored)
    devices = _described(file, content, "existing_devices", DeviceSpec.from_dict, ignored)
    return ListsFile(plans, devices, ignored)


def write(path: str | Path, lists: ListsFile) -> bool:
    """Replace the file atomically if its content would change. Return whether it was replaced."""
    file = file_in(path)
    data = _COMMENT + _to_json(lists)
    try:
        if file.read_bytes() == data:
            return False
    except FileNotFoundError:
        pass
    spare = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        spare.write_bytes(data)
        spare.replace(file)
    except OSError as error:  # its message names the temporary file, which the user does not know
        raise OSError(error.errno, f"cannot write {file}: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):  # the folder is read-only or does not exist
            spare.unlink(missing_ok=True)
    return True


def read_yaml(path: str | Path) -> Any:
    """Return the content of a hand-written YAML (or JSON) file.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        The file is not valid YAML, or contains a key twice (YAML would ignore the first one). The message says where.
    """
    data = Path(path).read_bytes()
    _refuse_repeated_keys(data)
    return _from_yaml(data)


def _described(
    file: Path, content: dict[Any, Any], key: str, make: Callable[[Any], Any], ignored: list[str]
) -> dict[str, Any]:
    """Return the valid descriptions under this key. An invalid description does not affect the others."""
    # In a YAML file, an empty list may be written as a key without a value.
    found = content.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ValueError(f"{file}: '{key}' must map names to descriptions, not {found!r}")  # noqa: TRY004
    kept: dict[str, Any] = {}
    for name, description in found.items():
        try:
            make(description)
        except ValueError as err:
            ignored.append(f"{key}, {name!r}: {err}")
            continue
        if isinstance(name, str):
            kept[name] = description
        else:
            ignored.append(f"{key}, {name!r}: the name is not a string")
    return kept


def _from_json(data: bytes) -> Any:
    while data.startswith(b"#"):
        data = data.partition(b"\n")[2]
    return msgspec.json.decode(data)


def _from_yaml(data: bytes) -> Any:
    import yaml  # noqa: PLC0415 - the service's own files are read without it

    # The C loader is ten times faster on the large files of bluesky-queueserver.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(data, Loader=loader)  # noqa: S506 - both loaders are safe
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise ValueError(_not_yaml(err)) from None


def _not_yaml(error: Exception) -> str:
    """Return the error as one line, without the name that YAML invents for text that does not come from a file."""
    text = str(error).replace('in "<byte string>", ', "").replace('in "<unicode string>", ', "")
    return f"not valid YAML: {', '.join(line.strip() for line in text.splitlines())}"


def _refuse_repeated_keys(data: bytes) -> None:
    import yaml  # noqa: PLC0415 - as above

    try:
        nodes = [yaml.compose(data, Loader=yaml.SafeLoader)]
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise ValueError(_not_yaml(err)) from None
    # An alias is the same node again, and a node may contain itself.
    visited: set[int] = set()
    while nodes:
        node = nodes.pop()
        if id(node) in visited:
            continue
        visited.add(id(node))
        if isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
                if key.value in keys:
                    raise ValueError(f"duplicate key {key.value!r} (line {key.start_mark.line + 1})")
                keys.add(key.value)
            nodes.extend(value for _, value in node.value)
        elif isinstance(node, yaml.SequenceNode):
            nodes.extend(node.value)


def _to_json(lists: ListsFile) -> bytes:
    content = {
        "existing_devices": lists.existing_devices,
        "existing_plans": {name: _with_yaml_floats(plan) for name, plan in lists.existing_plans.items()},
    }
    text = msgspec.json.format(msgspec.json.encode(content), indent=2).decode()
    return _NOT_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode() + b"\n"


def _with_yaml_floats(plan: dict[str, Any]) -> dict[str, Any]:
    """Return the plan with ``1e-05`` written as ``1.0e-05``, because YAML 1.1 reads the former as a string."""
    parameters = plan.get("parameters", [])
    if not any(isinstance(value, float) for parameter in parameters for value in parameter.values()):
        return plan
    return plan | {"parameters": [{key: _yaml_float(value) for key, value in p.items()} for p in parameters]}


def _yaml_float(value: Any) -> Any:
    if not isinstance(value, float) or "e" not in repr(value):
        return value
    mantissa, _, exponent = repr(value).partition("e")
    return msgspec.Raw(f"{mantissa if '.' in mantissa else mantissa + '.0'}e{int(exponent):+03d}".encode())
