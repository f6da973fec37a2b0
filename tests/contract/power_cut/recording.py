"""Records what a program does to the files of a folder, with strace: what it writes, and when it waits for the disk."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.system_packages import program

_CALLS = (
    "openat,creat,close,dup,dup2,dup3,pwrite64,pwritev,pwritev2,write,writev,ftruncate,truncate,fallocate,fsync,"
    "fdatasync,sync_file_range,msync,unlink,unlinkat,rename,renameat,renameat2,link,linkat,copy_file_range,sendfile"
)
_LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+)(.*)", re.DOTALL)
_UNFINISHED = re.compile(r"(\d+) +(\w+)\((.*) <unfinished \.\.\.>")
_RESUMED = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_FD = re.compile(r"(\d+)(?:<[^>]*>)?")


class Step(NamedTuple):
    """One thing that happened.

    ``kind`` is ``create``, ``write``, ``truncate``, ``sync``, ``sync folder``, ``unlink`` or ``line``, which is a line
    that the program has printed. ``file`` is a number of the file: one that is made anew has a new number.
    """

    kind: str
    file: int = 0
    name: str = ""
    offset: int = 0
    data: bytes = b""


def record(command: Sequence[str], folder: Path, log: Path) -> list[Step]:
    """Run a program and return what it did to the files in this folder, in order."""
    options = ["-f", "-xx", "-s", "100000000", "-e", f"trace={_CALLS}", "-e", "signal=none", "-o", str(log)]
    run = subprocess.run(
        [program("strace"), *options, *command], capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0, run.stderr
    return list(_Reader(folder).steps(log))


def may_record(log: Path) -> bool:
    """Whether this system lets us trace processes; some containers do not."""
    return subprocess.run([program("strace"), "-o", str(log), "true"], capture_output=True, check=False).returncode == 0


def _calls(log: Path) -> Iterator[tuple[str, str, int]]:
    """Name, arguments and result of each system call, in the order of their ends."""
    begun: dict[str, tuple[str, str]] = {}
    with log.open() as lines:
        for text in lines:
            line = text.rstrip("\n")
            if match := _UNFINISHED.fullmatch(line):
                begun[match[1]] = (match[2], match[3])
                continue
            if match := _RESUMED.fullmatch(line):
                name, start = begun.pop(match[1])
                line = f"{match[1]} {name}({start}{match[2]}"
            if match := _LINE.fullmatch(line):
                yield match[2], match[3], int(match[4])


class _Reader:
    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._open: dict[int, int] = {}
        self._files: dict[str, int] = {}
        self._folders: set[int] = set()
        self._count = 0

    def steps(self, log: Path) -> Iterator[Step]:
        for call, arguments, result in _calls(log):
            if result >= 0:
                yield from self._of(call, arguments, result)

    def _of(self, call: str, arguments: str, result: int) -> Iterator[Step]:
        texts = [bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(arguments)]
        match call:
            case "openat":
                yield from self._opened(texts[0].decode(), arguments, result)
            case "close":
                fd = _fd(arguments)
                self._open.pop(fd, None)
                self._folders.discard(fd)
            case "write" if _fd(arguments) == 1:
                yield Step("line", data=texts[0])
            case "pwrite64" if _fd(arguments) in self._open:
                offset = int(arguments.rpartition(", ")[2])
                yield Step("write", self._open[_fd(arguments)], offset=offset, data=texts[0][:result])
            case "ftruncate" if _fd(arguments) in self._open:
                yield Step("truncate", self._open[_fd(arguments)], offset=int(arguments.rpartition(", ")[2]))
            case "fsync" | "fdatasync" if _fd(arguments) in self._open:
                yield Step("sync", self._open[_fd(arguments)])
            case "fsync" | "fdatasync" if _fd(arguments) in self._folders:
                yield Step("sync folder")
            case "unlink" | "unlinkat" if self._is_inside(path := texts[0].decode()):
                yield Step("unlink", self._files.pop(path), name=Path(path).name)
            case "write" | "fsync" | "fdatasync" if _fd(arguments) not in self._open:
                return
            case _:
                concerned = any(self._is_inside(text.decode(errors="replace")) for text in texts)
                if concerned or _fd(arguments) in self._open:
                    raise AssertionError(f"the recorder does not know {call}")

    def _opened(self, path: str, arguments: str, fd: int) -> Iterator[Step]:
        if path == self._folder:
            self._folders.add(fd)
        if not self._is_inside(path) or "O_DIRECTORY" in arguments:
            return
        if path not in self._files:
            self._count += 1
            self._files[path] = self._count
            yield Step("create", self._count, name=Path(path).name)
        assert "O_TRUNC" not in arguments
        self._open[fd] = self._files[path]

    def _is_inside(self, path: str) -> bool:
        return path.startswith(f"{self._folder}/")


def _fd(arguments: str) -> int:
    match = _FD.match(arguments)
    return int(match[1]) if match else -1
