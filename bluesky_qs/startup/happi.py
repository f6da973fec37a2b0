"""Loads devices from a happi database."""

import importlib
from collections.abc import Iterable
from typing import Any


def load_devices_from_happi(device_names: Iterable[str | tuple[str, str]], *, namespace: dict[str, Any]) -> list[str]:
    """Load devices from the happi database into ``namespace`` and return their names.

    A name that is not a Python identifier needs a new name: ``("mono-x", "mono_x")``. happi uses its usual
    configuration (happi's configuration file, or ``HAPPI_CFG``).

    Raises
    ------
    ImportError
        happi is not installed.
    KeyError
        A name is not in the database, or occurs there more than once.
    ValueError
        An entry is broken, or a name is not an identifier.
    """
    try:
        happi = importlib.import_module("happi")
    except ModuleNotFoundError as error:
        raise ImportError("happi is not installed. Install it with: pip install happi") from error
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
            raise ValueError(f"The entry {name!r} in the happi database cannot be used: {broken}") from broken
        loaded[as_name] = device = found[0].get()
        if as_name != name:
            # Plans use the names in the namespace; documents use the devices' own names.
            device.name = as_name
    namespace.update(loaded)
    return list(loaded)
