"""The Queue Server at the IPython prompt: ``%load_ext bluesky_qs``."""

import os
from typing import Any

__all__ = ["load_ipython_extension", "unload_ipython_extension"]

_REGISTERED = "QSMagics"


def load_ipython_extension(ipython: Any) -> None:
    """Register ``%qs`` and put the client ``RM`` into the namespace; no request is sent.

    Does nothing in a worker, which also runs startup code that loads the extension.
    """
    if os.environ.get("_QSERVER_RE_WORKER_ACTIVE") == "1":
        return
    from ipython_extension.words.magics import QSMagics, help_lines  # noqa: PLC0415 - a worker does not need it

    magics = ipython.magics_manager.registry.get(_REGISTERED)
    if not isinstance(magics, QSMagics):
        magics = QSMagics(ipython)
        ipython.register_magics(magics)
        ipython.input_transformers_cleanup.append(help_lines)
        ipython.Completer.custom_matchers.append(magics.matches)
    magics.put_client()
    magics.put_method()


def unload_ipython_extension(ipython: Any) -> None:
    """Remove the magics and the client."""
    magics = ipython.magics_manager.registry.pop(_REGISTERED, None)
    if magics is None:
        return
    from ipython_extension.words.magics import help_lines  # noqa: PLC0415 - loaded already

    if help_lines in ipython.input_transformers_cleanup:
        ipython.input_transformers_cleanup.remove(help_lines)
    if magics.matches in ipython.Completer.custom_matchers:
        ipython.Completer.custom_matchers.remove(magics.matches)
    magics.take_back_method()
    magics.take_back_client()
    for kind in ("line", "cell"):
        ipython.magics_manager.magics[kind].pop("qs", None)
    if magics in ipython.configurables:
        ipython.configurables.remove(magics)
