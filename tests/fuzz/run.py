"""Fuzzing on demand: ``python -m tests.fuzz.run N`` tries N inputs of the decoder, N/10 requests, N/100 command lines.

With atheris (``pip install atheris``, for Python up to 3.13 on Linux), the decoder's inputs are led by coverage. `make
fuzz` then sends N/100 requests to the sockets of a real service (`tests/e2e/test_fuzzing.py`).
"""

import argparse
import asyncio
import inspect
import os
import random
import secrets
import subprocess
import sys
import tempfile

from bluesky_qs.api import limits
from bluesky_qs.testing import Manager
from bluesky_qs.wire import codec
from tests.fuzz import mutation, targets

_ENCODINGS = ("json", "msgpack")


def decode(seed: str, count: int) -> None:
    """The decoder of both encodings, with inputs from our own mutation."""
    for encoding in _ENCODINGS:
        for frame in mutation.frames(random.Random(seed), count // 2, encoding):
            targets.decoder(frame, encoding)


def decode_with_atheris(encoding: str, count: int) -> None:
    """The decoder of one encoding, with inputs that find new ways through the code. It ends the process."""
    import atheris  # noqa: PLC0415 - it need not be there

    for function in (targets.decoder, *vars(codec).values(), *vars(limits).values()):
        if inspect.isfunction(function):
            atheris.instrument_func(function)

    def one(frame: bytes) -> None:
        targets.decoder(frame, encoding)

    found = tempfile.mkdtemp(prefix="qs-fuzz-")  # libFuzzer writes what it finds to the first folder
    atheris.Setup([sys.argv[0], f"-runs={count}", "-max_len=4096", found, str(mutation.CORPUS / encoding)], one)
    atheris.Fuzz()


def send(seed: str, count: int) -> int:
    """Requests to a manager in this process."""
    return asyncio.run(targets.dispatcher(mutation.frames(random.Random(seed), count, "json")))


def type_lines(seed: str, count: int) -> int:
    """Command lines, before a manager in this process."""
    with Manager() as manager:
        os.environ.update(manager.environ)
        return targets.command_lines(mutation.lines(random.Random(seed), count), manager)


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, help="number of inputs for the decoder")
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--atheris", choices=_ENCODINGS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.atheris:
        decode_with_atheris(options.atheris, options.count)
        return
    print(f"seed {options.seed}", flush=True)
    decode(options.seed, options.count)
    print(f"decoder: {options.count} inputs", flush=True)
    if subprocess.run([sys.executable, "-c", "import atheris"], check=False, stderr=subprocess.DEVNULL).returncode == 0:
        for encoding in _ENCODINGS:
            command = [sys.executable, "-m", __spec__.name, str(options.count), "--atheris", encoding]
            subprocess.run(command, check=True)
            print(f"decoder of {encoding} with atheris: {options.count} inputs", flush=True)
    requests, lines = options.count // 10, options.count // 100
    print(f"dispatcher: {requests} requests, {send(options.seed, requests)} accepted", flush=True)
    print(f"qserver: {lines} lines, {type_lines(options.seed, lines)} succeeded", flush=True)


if __name__ == "__main__":
    _main()
