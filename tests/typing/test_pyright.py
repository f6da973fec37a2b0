import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pyright(file: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, str(file)],
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize("file", ["client_methods.py"])
def test_the_types_of_the_client_are_those_of_the_contract(file):
    checked = pyright(HERE / file)
    assert checked.returncode == 0, checked.stdout + checked.stderr
