"""The ports of tests: no two test processes get the same one."""

import subprocess
import sys
from pathlib import Path

from tests.ports import Ports

_OTHER = """
import sys
from pathlib import Path
from tests.ports import Ports
ports = Ports(Path(sys.argv[1]), 1, 3, is_free=lambda _: True)
print(sorted([ports.free(), ports.free()]), flush=True)
sys.stdin.read()
"""


def test_a_port_is_given_to_one_test_process_as_long_as_it_lives(tmp_path):
    reservations = tmp_path / "ports"
    command = [sys.executable, "-c", _OTHER, str(reservations)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "[1, 2]\n"
        assert Ports(reservations, 1, 4, is_free=lambda _: True).free() == 3
        other.communicate("")
    assert Ports(reservations, 1, 2, is_free=lambda _: True).free() == 1


def test_a_port_at_which_somebody_listens_is_not_given(tmp_path):
    assert Ports(tmp_path / "ports", 1, 3, is_free=lambda port: port == 2).free() == 2
