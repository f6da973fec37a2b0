"""What is left of a worker that startup code has taken down."""

import faulthandler
import subprocess
import sys

import pytest

from bluesky_qs.ipc import last_words

NATIVE = "import ctypes\n\ndef crash():\n    ctypes.string_at(0)\n"


@pytest.fixture
def link(tmp_path):
    return f"ipc://{tmp_path}/w-1"


@pytest.fixture
def die(link, tmp_path):
    """A process notes that it runs ``10.py`` and then does what that says; how its end is understood."""

    def run(code):
        (tmp_path / "lib.py").write_text(NATIVE)
        (tmp_path / "10.py").write_text(code)
        path = str(tmp_path / "10.py")
        program = (
            "import sys\n"
            "from bluesky_qs.ipc.last_words import LastWords\n"
            f"sys.path.insert(0, {str(tmp_path)!r})\n"
            f"words = LastWords({link!r})\n"
            f"words.begins({path!r}, '10.py')\n"
            f"exec(compile({code!r}, {path!r}, 'exec'))\n"
            "words.close()\n"
            "import lib\n"
            "lib.crash()\n"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        return done, last_words.understood(last_words.read(link), "it ended")

    return run


def test_crash_of_native_code_names_file_and_line(die, tmp_path):
    done, end = die("x = 1\nimport lib\nlib.crash()\n")
    assert (end.message, end.file, end.line) == ("lib.py, line 4: it ended", str(tmp_path / "lib.py"), 4)
    assert f'File "{tmp_path}/10.py", line 3 in <module>' in end.traceback
    assert done.stderr == ""


def test_end_without_a_word_names_the_file(die, tmp_path):
    _, end = die("import os\nos._exit(7)\n")
    assert end == ("10.py: it ended", str(tmp_path / "10.py"), None, "")


def test_after_the_startup_code_crashes_are_reported_on_the_usual_stream(die):
    done, end = die("x = 1\n")
    assert "Segmentation fault" in done.stderr
    assert end == ("it ended", None, None, "")


def test_the_stream_for_crashes_that_startup_code_chooses_stays(die, tmp_path):
    die(f"import faulthandler\nfaulthandler.enable(open({str(tmp_path / 'crash.txt')!r}, 'w'))\n")
    assert "Segmentation fault" in (tmp_path / "crash.txt").read_text()


def test_the_position_of_running_startup_code_is_noted(link, tmp_path, capfd):
    enabled = faulthandler.is_enabled()
    words = last_words.LastWords(link)
    try:
        words.begins(str(tmp_path / "10.py"), "10.py")
        exec(compile("\n\nnote()", str(tmp_path / "10.py"), "exec"), {"note": words.note_place})
        end = last_words.understood(last_words.read(link), "it was destroyed")
        assert (end.message, end.line) == ("10.py, line 3: it was destroyed", 3)
    finally:
        words.close()
        faulthandler.enable() if enabled else faulthandler.disable()
    words.note_place()
    assert (last_words.read(link), capfd.readouterr().err) == ("", "")
