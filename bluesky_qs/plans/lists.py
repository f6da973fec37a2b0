"""The file ``existing_plans_and_devices.yaml``: written as JSON (which is YAML), read whoever wrote it."""

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from bluesky_qs.plans.model import DeviceSpec, PlanSpec

FILE_NAME = "existing_plans_and_devices.yaml"
_COMMENT = b"# Written by the Queue Server from the startup code; changes by hand are lost.\n"
# What YAML does not allow, or folds, inside quotes although JSON allows it.
_NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


class Lists(msgspec.Struct, frozen=True):
    """Existing plans and devices: {name: description} each, and why others of a file are left out."""

    existing_plans: dict[str, Any] = {}
    existing_devices: dict[str, Any] = {}
    left_out: list[str] = []


def file_in(path: str | Path) -> Path:
    """The file that is meant by the path of a file or of a folder."""
    path = Path(path)
    return path / FILE_NAME if path.is_dir() else path


def read(path: str | Path) -> Lists:
    """The lists in this file, or in the file of the usual name in this folder, less what is no description.

    Raises
    ------
    OSError
        The file cannot be read (`FileNotFoundError`: there is none).
    ValueError
        It holds something else.
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
        raise ValueError(f"{file}: the keys 'existing_plans' and 'existing_devices' are expected")  # noqa: TRY004
    left_out: list[str] = []
    plans = _described(file, content, "existing_plans", PlanSpec.from_dict, left_out)
    devices = _described(file, content, "existing_devices", DeviceSpec.from_dict, left_out)
    return Lists(plans, devices, left_out)


def write(path: str | Path, lists: Lists) -> bool:
    """Replace the file at once if its content changes; True if it did."""
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
    except OSError as error:  # that names a file which nobody knows
        raise OSError(error.errno, f"{file} cannot be written: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):  # the folder cannot be written, or is none
            spare.unlink(missing_ok=True)
    return True


def read_yaml(path: str | Path) -> Any:
    """The content of a YAML (or JSON) file that people write.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It is not YAML, or has a key twice, of which YAML would forget the first one; the message says where.
    """
    data = Path(path).read_bytes()
    _refuse_repeated_keys(data)
    return _from_yaml(data)


def _described(
    file: Path, content: dict[Any, Any], key: str, make: Callable[[Any], Any], left_out: list[str]
) -> dict[str, Any]:
    """The descriptions below this key: one that is wrong must not cost the others."""
    # An empty list is a bare key in YAML files.
    found = content.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ValueError(f"{file}: '{key}' holds descriptions by name, not {found!r}")  # noqa: TRY004
    kept: dict[str, Any] = {}
    for name, description in found.items():
        try:
            make(description)
        except ValueError as err:
            left_out.append(f"{key}, {name!r}: {err}")
            continue
        if isinstance(name, str):
            kept[name] = description
        else:
            left_out.append(f"{key}, {name!r}: the name is not a string")
    return kept


def _from_json(data: bytes) -> Any:
    while data.startswith(b"#"):
        data = data.partition(b"\n")[2]
    return msgspec.json.decode(data)


def _from_yaml(data: bytes) -> Any:
    import yaml  # noqa: PLC0415 - files that we wrote are read without it

    # The C loader is ten times faster on the large files of the community's service.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(data, Loader=loader)  # noqa: S506 - both loaders are safe ones
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise ValueError(_not_yaml(err)) from None


def _not_yaml(error: Exception) -> str:
    """What is wrong in one line, without the name that YAML gives to a text that is no file."""
    text = str(error).replace('in "<byte string>", ', "").replace('in "<unicode string>", ', "")
    return f"not valid YAML: {', '.join(line.strip() for line in text.splitlines())}"


def _refuse_repeated_keys(data: bytes) -> None:
    import yaml  # noqa: PLC0415 - as above

    try:
        nodes = [yaml.compose(data, Loader=yaml.SafeLoader)]
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise ValueError(_not_yaml(err)) from None
    # An alias is the node itself once more, and may be a part of itself.
    looked_at: set[int] = set()
    while nodes:
        node = nodes.pop()
        if id(node) in looked_at:
            continue
        looked_at.add(id(node))
        if isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
                if key.value in keys:
                    raise ValueError(f"the key {key.value!r} is there twice (line {key.start_mark.line + 1})")
                keys.add(key.value)
            nodes.extend(value for _, value in node.value)
        elif isinstance(node, yaml.SequenceNode):
            nodes.extend(node.value)


def _to_json(lists: Lists) -> bytes:
    content = {
        "existing_devices": lists.existing_devices,
        "existing_plans": {name: _with_yaml_floats(plan) for name, plan in lists.existing_plans.items()},
    }
    text = msgspec.json.format(msgspec.json.encode(content), indent=2).decode()
    return _NOT_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode() + b"\n"


def _with_yaml_floats(plan: dict[str, Any]) -> dict[str, Any]:
    """The plan with ``1e-05`` written as ``1.0e-05``, because YAML 1.1 takes the former for a string."""
    parameters = plan.get("parameters", [])
    if not any(isinstance(value, float) for parameter in parameters for value in parameter.values()):
        return plan
    return plan | {"parameters": [{key: _yaml_float(value) for key, value in p.items()} for p in parameters]}


def _yaml_float(value: Any) -> Any:
    if not isinstance(value, float) or "e" not in repr(value):
        return value
    mantissa, _, exponent = repr(value).partition("e")
    return msgspec.Raw(f"{mantissa if '.' in mantissa else mantissa + '.0'}e{int(exponent):+03d}".encode())
