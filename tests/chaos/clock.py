"""The wall clock of a service under test, which can be set."""

import shutil
import struct
import subprocess
from pathlib import Path


class Clock:
    """A clock that a service reads in place of the system's, if there is a C compiler.

    Attributes
    ----------
    variables
        Environment variables with which the service has to be started; empty without a compiler.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.set(0)
        self.variables: dict[str, str] = {}
        if compiler := shutil.which("cc"):
            library = folder / "clock.so"
            source = Path(__file__).with_name("clock.c")
            subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
            self.variables = {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(self._file)}

    def set(self, seconds: int) -> None:
        """Set it to this number of seconds after the true time; negative numbers set it back."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("=q", seconds))
