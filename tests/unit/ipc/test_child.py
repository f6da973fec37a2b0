import os
import subprocess
import sys

import pytest

CODE = """
import os
from bluesky_qs.ipc.child import begin_worker
begin_worker(["worker", "ipc:///nowhere"])
print("one", end=" ")
os.write(1, b"<from another process>\\n")
print("line")
print("progress", end="\\r")
os.write(1, b"!\\n")
"""


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_the_words_of_a_printed_line_stay_together(unbuffered):
    ran = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert ran.stdout == b"<from another process>\none line\nprogress\r!\n"
