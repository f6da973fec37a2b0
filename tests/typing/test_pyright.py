import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_types_of_the_client_are_those_of_the_contract(tmp_path):
    config = tmp_path / "pyrightconfig.json"
    config.write_text(
        f'{{"include": ["{ROOT}/tests/typing"], "extraPaths": ["{ROOT}"], "pythonVersion": "3.11", '
        '"typeCheckingMode": "standard", "reportUnnecessaryTypeIgnoreComment": "error"}'
    )
    checked = subprocess.run(
        [sys.executable, "-m", "pyright", "--project", str(config), "--pythonpath", sys.executable],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
