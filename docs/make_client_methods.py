"""Write the clients' methods from the contract: `make reference`. A test holds the files to the contract.

They are files, because type checkers and editors read files: `ParamSpec` gives each method the signature of its stub.
"""

import sys
import typing
from collections.abc import Iterator
from pathlib import Path

from bluesky_qs import api  # noqa: F401 - it fills the table of methods
from bluesky_qs.api.method import METHODS, Lock, Method
from bluesky_qs.api.types import Status

CLIENT = Path(__file__).parents[1] / "bluesky_qs" / "client"

#: Methods that also take ``reload`` although their answer is never kept: bluesky-queueserver-api has it there.
_RELOAD_ONLY = ("ping", "status", "lock_info")
#: Methods that also take the keys of a parameter as keywords: ``queue_mode_set(loop=True)``.
_GATHERING = {"queue_mode_set": "mode"}
#: The names of bluesky-queueserver-api, for the scripts that use them.
ALIASES = {
    "item_add": "queue_item_add",
    "item_add_batch": "queue_item_add_batch",
    "item_get": "queue_item_get",
    "item_update": "queue_item_update",
    "item_remove": "queue_item_remove",
    "item_remove_batch": "queue_item_remove_batch",
    "item_move": "queue_item_move",
    "item_move_batch": "queue_item_move_batch",
    "item_execute": "queue_item_execute",
}

_HEAD = '''\
"""The 0MQ methods of the {kind} client, one line each.

Made by docs/make_client_methods.py from the contract (`make reference`); changes by hand are lost.
"""

from bluesky_qs.api import {modules}
from bluesky_qs.client.bind import {prefix}cached, {prefix}call, {prefix}gathering


class Methods:
    """Each method of the contract, with the signature and the documentation of its stub."""
'''


def files() -> dict[Path, str]:
    """The text of each file."""
    return {
        CLIENT / "methods_sync.py": _text("blocking", ""),
        CLIENT / "methods_aio.py": _text("asyncio", "a"),
    }


def _text(kind: str, prefix: str) -> str:
    groups: dict[str, list[Method[..., object]]] = {}
    for method in METHODS.values():
        groups.setdefault(method.stub.__module__, []).append(method)
    parts = [_HEAD.format(kind=kind, modules=", ".join(sorted(map(_short, groups))), prefix=prefix)]
    for module, methods in groups.items():
        title = (sys.modules[module].__doc__ or "").strip().splitlines()[0]
        parts += ["", f"    # {title}", *(f"    {line}" for line in _lines(methods, prefix))]
    parts += ["", "    # The names of bluesky-queueserver-api, for the scripts that use them"]
    parts += [f"    {alias} = {name}" for alias, name in ALIASES.items()]
    return "\n".join(parts).replace('stub."""\n\n\n', 'stub."""\n\n') + "\n"


def _lines(methods: list[Method[..., object]], prefix: str) -> Iterator[str]:
    for method in methods:
        stub = f"{_short(method.stub.__module__)}.{method.name}"
        if method.name in _GATHERING:
            yield f'{method.name} = {prefix}gathering({stub}, "{_GATHERING[method.name]}")'
        elif method.name in _RELOAD_ONLY:
            yield f"{method.name} = {prefix}cached({stub})"
        elif uid := content_uid(method):
            yield f'{method.name} = {prefix}cached({stub}, uid="{uid}")'
        else:
            yield f"{method.name} = {prefix}call({stub})"


def content_uid(method: Method[..., object]) -> str | None:
    """The key of the answer that the status shows too: while it stays the same, so does the answer.

    Only methods that change nothing have one; what the others answer must never be taken from an earlier answer.
    """
    if method.lock is not Lock.NONE or "lock_key" in method.parameters:
        return None
    reply = typing.get_type_hints(method.stub)["return"]
    shared = [key for key in typing.get_type_hints(reply) if key.endswith("_uid") and key in Status.__annotations__]
    return shared[0] if len(shared) == 1 else None


def _short(module: str) -> str:
    return module.rpartition(".")[2]


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
