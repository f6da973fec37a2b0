"""Whatever is typed after ``%qs``: a result, a usage error or the service's refusal, and never anything else."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from IPython.core.error import UsageError

from bluesky_qs.errors import QSError

_WORDS = (
    "add", "queue", "get", "rm", "move", "history", "-n", "--failed", "item", "plans", "plan", "count", "status",
    "mode", "loop", "on", "call", "queue_mode_set", "mode={'loop': true}", "help", "re", "pause", "immediate", "redo",
    "--md", "a=1", "a=", "--at", "--before", "front", "before", "0", "-1", "99", "uid-0001", "count([det1])", "$n",
    "{n}", "{", "(", "'", '"', "#", ";", ",", "?", "-k", "--lock-key=", "clear", "autostart", "start", "queue_stop",
    "permissions", "set", "/nowhere", "lock", "environment", "--", "connect", "[", "devices", "*.*", "check", "\x00",
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(line=st.one_of(st.lists(st.sampled_from(_WORDS)).map(" ".join), st.text()))
def test_any_line_gives_a_result_or_says_what_is_wrong(shell, fake, line):
    if "connect" in line:
        line = line.replace("connect", "conect")  # it would leave the fake service
    fake.queue = [fake.plan("count", "uid-0001", ["det1"])]
    try:
        shell.run_line_magic("qs", line)
    except (UsageError, QSError) as error:
        said = str(error)
    else:
        said = "done"
    assert said
