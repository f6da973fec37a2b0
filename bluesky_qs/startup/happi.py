"""Devices from a happi database."""

import importlib
from collections.abc import Iterable
from typing import Any


def load_devices_from_happi(device_names: Iterable[str | tuple[str, str]], *, namespace: dict[str, Any]) -> list[str]:
    """Make devices from the happi database and put them into ``namespace``; the names under which they are there.

    A name that is not an identifier needs another: ``("mono-x", "mono_x")``. happi is configured as ever (its
    configuration file, ``HAPPI_CFG``).

    Raises
    ------
    ImportError
        If happi is not installed.
    KeyError
        If a name is in the database not at all or several times.
    ValueError
        If an entry is broken, or a name is no identifier.
    """
    try:
        happi = importlib.import_module("happi")
    except ModuleNotFoundError as error:
        raise ImportError("Devices are loaded from happi, which is not installed: pip install happi") from error
    client = happi.Client.from_config()
    loaded: dict[str, Any] = {}
    for given in device_names:
        name, as_name = (given, given) if isinstance(given, str) else given
        if not as_name.isidentifier():
            raise ValueError(f"The device {name!r} needs a name that is a Python identifier: ({name!r}, 'new_name')")
        found = client.search(name=name)
        if len(found) != 1:
            raise KeyError(f"The happi database has {len(found) or 'no'} device(s) with the name {name!r}")
        if (broken := getattr(found[0], "exception", None)) is not None:
            raise ValueError(f"The entry {name!r} of the happi database cannot be used: {broken}") from broken
        loaded[as_name] = device = found[0].get()
        if as_name != name:
            # Plans find devices by the names that they have in the namespace, documents by the device's own.
            device.name = as_name
    namespace.update(loaded)
    return list(loaded)
