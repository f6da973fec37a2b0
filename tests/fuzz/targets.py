"""What is fuzzed: each target takes inputs, and raises an error for one that is not handled as it should be."""

import contextlib
import io
import json
import logging
from collections.abc import Iterable

from bluesky_qs.api.limits import check_limits
from bluesky_qs.cli import local_commands
from bluesky_qs.cli.qserver import ExitCode, run
from bluesky_qs.errors import QSError
from bluesky_qs.testing import AsyncManager, Manager
from bluesky_qs.wire.codec import DecodeError, Encoding, decode, encode, storable

#: Methods that end the manager or lock the others out.
NOT_SENT = {"manager_stop", "manager_kill", "lock"}
#: What ends the manager, works on files, or asks for more input.
_NOT_TYPED = {"monitor", "lock", *local_commands.COMMANDS}
#: Options that lead to another service.
_OTHER_SERVICE = ("--h", "--z", "--a", "-a", "--t", "-t")


def decoder(frame: bytes, encoding: Encoding) -> None:
    """Decode a frame. What can be decoded can also be checked, and be written as a reply in both encodings."""
    try:
        value = decode(frame, encoding)
    except DecodeError:
        return
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        with contextlib.suppress(QSError):
            check_limits(value)
    if encoding == "json":
        for each in ("json", "msgpack"):
            with contextlib.suppress(RecursionError):  # the manager answers these too
                written = encode({"item": value}, each)
                assert decode(written, each) is not None
        with contextlib.suppress(RecursionError):
            json.dumps(storable(value)).encode()


async def dispatcher(frames: Iterable[bytes], encoding: Encoding = "json") -> int:
    """Send frames to a manager whose environment is open; return how many were accepted."""
    accepted = 0
    records: list[logging.LogRecord] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: records.append(record) if record.exc_info else None
    logging.getLogger("bluesky_qs").addHandler(handler)
    try:
        async with AsyncManager() as manager:
            await manager.open()
            for frame in frames:
                if _is_left_out(frame):
                    continue
                reply = json.loads(await manager.ask_raw(frame))
                accepted += reply.get("success") is True
                assert "manager_state" in reply or reply["success"] is (not reply["msg"]), (frame, reply)
                assert "Unexpected error" not in reply["msg"], (frame, reply)
                assert not records, (frame, records[0].getMessage())
            assert manager.replaced == 0
            assert await manager.ask("status")
    finally:
        logging.getLogger("bluesky_qs").removeHandler(handler)
    return accepted


def _is_left_out(frame: bytes) -> bool:
    with contextlib.suppress(DecodeError):
        request = decode(frame)
        return isinstance(request, dict) and str(request.get("method")) in NOT_SENT
    return False


def command_lines(lines: Iterable[list[str]], manager: Manager) -> int:
    """Run lines of ``qserver`` before a manager; return how many succeeded. Each ends with an exit code and why."""
    succeeded = 0
    for line in lines:
        if any(word in _NOT_TYPED or "manager" in word or word.startswith(_OTHER_SERVICE) for word in line):
            continue
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as error:
            code = run(line)
        assert code in set(ExitCode) - {ExitCode.ERROR, ExitCode.NO_ANSWER}, (line, code, error.getvalue())
        assert code == ExitCode.SUCCESS or error.getvalue() or out.getvalue(), line
        succeeded += code == ExitCode.SUCCESS
    assert manager.ask("status")
    return succeeded
