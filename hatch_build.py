"""Puts the extension of JupyterLab into a wheel as data files, where JupyterLab looks for it."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_BUILT = Path("bluesky_qs/web/labextension")
_INSTALLED = "share/jupyter/labextensions/bluesky-qs"


class LabExtensionHook(BuildHookInterface):
    """Adds what `make web` has built; without it, the wheel has no extension, and notebooks show stills."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files. An editable installation gets none: there, `make web` makes a link."""
        if version != "editable" and (Path(self.root) / _BUILT / "package.json").is_file():
            build_data["shared_data"][str(_BUILT)] = _INSTALLED
