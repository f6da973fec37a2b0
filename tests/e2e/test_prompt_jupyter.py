"""The queue driven from a notebook's kernel, against a real service."""

import pytest
from jupyter_client.manager import start_new_kernel

_PATIENCE = 60


class Kernel:
    """An IPython kernel as a notebook has it."""

    def __init__(self, service):
        env = {**service.env, "IPYTHONDIR": str(service.home / "ipython"), "QSERVER_USER": "ada"}
        self.manager, self.client = start_new_kernel(kernel_name="python3", env=env)

    def run(self, code):
        """Run a cell: its reply, what it displayed by MIME type, and what it printed."""
        shown, printed = {}, []

        def note(message):
            content = message["content"]
            if message["header"]["msg_type"] in ("execute_result", "display_data"):
                shown.update(content["data"])
            elif message["header"]["msg_type"] == "stream":
                printed.append(content["text"])

        reply = self.client.execute_interactive(code, output_hook=note, timeout=_PATIENCE)
        return reply["content"], shown, "".join(printed)

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(service):
    made = Kernel(service)
    made.run("%load_ext bluesky_qs")
    yield made
    made.close()


def test_a_notebook_opens_adds_runs_and_sees_tables(kernel):
    assert "The environment is open" in kernel.run("%qs open")[1]["text/html"]
    kernel.run("n = 2")
    kernel.run("%%qs add\ncount([det1], num=$n)  # twice\nscan([det1], motor, -1, 1, num=3)")
    queue = kernel.run("%qs queue")[1]
    assert "<code>count([det1], num=2)</code>" in queue["text/html"]
    assert "scan([det1], motor, -1, 1, num=3)" in queue["text/plain"]
    kernel.run("%qs start")
    assert "completed" in kernel.run("%qs wait")[1]["text/html"]


def test_a_refusal_stops_the_notebook_with_one_line(kernel):
    reply, _, _ = kernel.run("%qs start")
    assert reply["status"] == "error"
    assert reply["evalue"] == "RE Worker environment does not exist."
    assert len(reply["traceback"]) == 1
    assert kernel.run("%qs strat")[0]["ename"] == "UsageError"


def test_a_wait_can_be_interrupted_and_the_notebook_stops(kernel, service):
    kernel.run("%qs open")
    kernel.run("%qs add count([det1], num=1000, delay=1)")
    kernel.run("%qs start")
    waiting = kernel.client.execute("%qs wait")
    while "1/1000" not in str(kernel.client.get_iopub_msg(timeout=_PATIENCE)["content"]):
        pass
    kernel.manager.interrupt_kernel()
    while (reply := kernel.client.get_shell_msg(timeout=_PATIENCE))["parent_header"]["msg_id"] != waiting:
        pass
    assert reply["content"]["ename"] == "Detached"
    assert service.ask("status")["manager_state"] == "executing_queue"
