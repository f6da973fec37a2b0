"""Messages between our processes, whatever users put into them."""

import msgspec

from bluesky_qs.ipc.encoding import encode
from bluesky_qs.ipc.reports import PlanEnded
from bluesky_qs.ipc.states import EnvironmentState, WorkerState


def done(message):
    return PlanEnded(
        item_uid="1",
        exit_status="failed",
        run_uids=["r"],
        scan_ids=[1],
        time_start=1.0,
        time_stop=2.0,
        message=message,
        traceback="",
        state=WorkerState(EnvironmentState.IDLE),
    )


def test_invalid_utf8_text_is_reported_with_escape_sequences():
    assert msgspec.msgpack.decode(encode(done("no file '\udcff'")), type=PlanEnded) == done("no file '\\udcff'")
