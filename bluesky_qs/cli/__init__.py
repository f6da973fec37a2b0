"""The commands: one module each, with a `main`."""

import sys

# If typing_extensions is installed, msgspec imports it, although it works without it. That import takes a sixth of the
# time of `qserver status`.
if "typing_extensions" in sys.modules:
    import msgspec
else:
    sys.modules["typing_extensions"] = None  # type: ignore[assignment] - None makes the import fail
    import msgspec  # noqa: F401

    del sys.modules["typing_extensions"]
