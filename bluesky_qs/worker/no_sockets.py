"""Makes the Linux kernel refuse new connections and programs in this process, even from C libraries (seccomp)."""

import ctypes
import errno
import platform
import struct

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 38, 22, 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EACCES
#: The filter's instructions: load a word, jump if equal, return.
_LOAD, _JUMP_IF, _RETURN = 0x20, 0x15, 0x06
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4
#: By machine: the architecture's number, and the numbers of the calls socket, connect, socketpair, execve and execveat.
_CALLS = {
    "x86_64": (0xC000003E, (41, 42, 53, 59, 322)),
    "aarch64": (0xC00000B7, (198, 203, 199, 221, 281)),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def refuse_sockets() -> bool:
    """Make the kernel refuse new sockets and programs from now on. Return False if the system does not support this."""
    if platform.machine() not in _CALLS:
        return False
    architecture, numbers = _CALLS[platform.machine()]
    refused = len(numbers)
    code = b"".join(
        [
            _instruction(_LOAD, _ARCHITECTURE_AT),
            _instruction(_JUMP_IF, architecture, otherwise=refused + 1),
            _instruction(_LOAD, _NUMBER_AT),
            *(_instruction(_JUMP_IF, number, then=refused - at) for at, number in enumerate(numbers)),
            _instruction(_RETURN, _ALLOW),
            _instruction(_RETURN, _REFUSE),
        ]
    )
    prctl = ctypes.CDLL(None).prctl
    program = _Program(refused + 5, code)
    return not prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) and not prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(program))


def _instruction(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)
