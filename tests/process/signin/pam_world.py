"""Run a program with users of its own: PAM and the files of users and groups are those of a test.

Usage: python pam_world.py MODULE [ARGUMENT …], in the environment that the fixture `pam_world` makes.

`pam_wrapper` stands before the PAM functions that a program is linked with. python-pam looks them up in the library
itself, so it is told that there is none: it then takes those that are loaded already.
"""

import ctypes.util
import runpy
import sys

_real = ctypes.util.find_library


def find_library(name: str) -> str | None:
    return None if name in {"pam", "pam_misc"} else _real(name)


if __name__ == "__main__":
    ctypes.util.find_library = find_library
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
