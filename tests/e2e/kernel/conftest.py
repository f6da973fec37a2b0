"""A service whose environment is an IPython kernel, and consoles of Jupyter's for it."""

import os

import pytest
from jupyter_client import BlockingKernelClient


class Console:
    """A client of the kernel, connected with what `config_get` says."""

    def __init__(self, service):
        self.client = BlockingKernelClient()
        self.client.load_connection_info(service.do("config_get")["config"]["ip_connect_info"])
        self.client.start_channels()
        self.client.wait_for_ready(60)

    def type(self, code):
        """Run code; the number of what is to be waited for."""
        return self.client.execute(code)

    def began(self, message):
        """Return when the kernel has begun with code that was typed."""
        while True:
            news = self.client.get_iopub_msg(timeout=60)
            of = news["parent_header"].get("msg_id")
            if of == message and news["content"].get("execution_state") == "busy":
                return

    def wait(self, message):
        """The answer to code that was typed."""
        while True:
            reply = self.client.get_shell_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == message:
                return reply["content"]

    def run(self, code):
        """Run code; what the kernel answers."""
        return self.wait(self.type(code))

    def value(self, expression):
        """What an expression is in the kernel."""
        reply = self.client.execute("", user_expressions={"it": expression}, reply=True, timeout=60)
        return reply["content"]["user_expressions"]["it"]["data"]["text/plain"]

    def output(self, words):
        """Everything that is published until these words are."""
        text = ""
        while words not in text:
            message = self.client.get_iopub_msg(timeout=60)
            text += message["content"].get("text", "") if message["msg_type"] == "stream" else ""
        return text


class Words:
    """What tests say of a service with a kernel."""

    @staticmethod
    def kernel_state(status):
        return (status["worker_environment_state"], status["ip_kernel_state"], status["ip_kernel_captured"])

    def reserved(self):
        """The status when code of a console runs."""
        return self.wait(lambda s: s["worker_environment_state"] == "reserved", "reserved")

    def free(self):
        """The status when it has ended."""
        return self.wait(lambda s: s["worker_environment_state"] == "idle", "free again")

    def running(self):
        return self.wait(lambda s: s["re_state"] == "running", "a plan runs")

    def paused(self):
        """Start the queue and pause its plan."""
        self.do("queue_start")
        self.running()
        self.do("re_pause", option="immediate")
        return self.wait(lambda s: s["manager_state"] == "paused", "paused")

    def run_script(self, script, **options):
        """Run a script to its end, which must be a good one."""
        uid = self.do("script_upload", script=script, **options)["task_uid"]
        self.wait(lambda _: self.do("task_status", task_uid=uid)["status"] == "completed", "the script has run")
        result = self.do("task_result", task_uid=uid)["result"]
        assert result["success"], result

    def function(self, name, *args):
        """Call a function in the main thread; the uid of the task."""
        item = {"item_type": "function", "name": name, "args": list(args)}
        return self.do("function_execute", item=item, user="tester", user_group="primary")["task_uid"]


@pytest.fixture
def start(new_service, startup_dir):
    """Starts a service whose environment is not open, with more options."""

    def with_options(*options):
        service = new_service(
            "--startup-dir", str(startup_dir), "--use-ipython-kernel", "ON", "--warm-worker", "OFF", *options
        )
        service.__class__ = type("ServiceWithKernel", (Words, type(service)), {})
        return service.start()

    return with_options


@pytest.fixture
def closed(start):
    """A running service whose environment is not open."""
    return start()


@pytest.fixture
def named(start):
    """The same, with a name for the connection file of the kernel."""
    return start("--ipython-connection-file", "beamline.json")


@pytest.fixture
def service(closed):
    closed.open()
    return closed


@pytest.fixture
def attach():
    """Attaches consoles that are closed with the test."""
    consoles = []

    def new(service):
        consoles.append(Console(service))
        return consoles[-1]

    yield new
    for console in consoles:
        console.client.stop_channels()


@pytest.fixture
def console(service, attach):
    return attach(service)


@pytest.fixture
def gate(tmp_path):
    """A named pipe: code that opens it waits there until the test does."""
    path = tmp_path / "gate"
    os.mkfifo(path)

    class Gate:
        wait = f"open({str(path)!r}).read()"

        def open(self):
            path.write_text("go on")

    return Gate()
