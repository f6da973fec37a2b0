import os

import pytest


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch):
    """`make coverage` does not measure these processes: what coverage imports would be taken for our imports."""
    for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
        monkeypatch.delenv(name)
