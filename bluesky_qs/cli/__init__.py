"""The commands: one module each, with a `main`."""

import sys

# msgspec imports typing_extensions if it is installed, and works as well without it. That import alone takes a sixth of
# the time of `qserver status`.
if "typing_extensions" in sys.modules:
    import msgspec
else:
    sys.modules["typing_extensions"] = None  # type: ignore[assignment] - this is how an import is made to fail
    import msgspec  # noqa: F401

    del sys.modules["typing_extensions"]
