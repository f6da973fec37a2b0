"""The live view in a notebook, as its kernel sends it to any front end, and to the extension of JupyterLab."""

import contextlib
import json
import queue
import time

import pytest

from bluesky_qs import REManagerAPI
from tests.conftest import PATIENCE
from tests.e2e.prompt_kernel import Kernel

MIME_TYPE = "application/vnd.bluesky-qs.view+json"


class Browser:
    """What JupyterLab does with a view: it opens a comm, and sends its messages to a subshell if it has one."""

    def __init__(self, kernel, view, *, subshell=None):
        self.kernel = kernel
        self.subshell = subshell
        self.comm = f"comm-of-{view}"
        #: All messages of the kernel, and how many of them the test has waited for.
        self.received = []
        self.seen = 0
        self.is_closed = False
        kernel.browsers.append(self)
        self._send("comm_open", target_name="bluesky_qs.view", data={"view": view})

    def request(self, method, *, request_id=None, **params):
        """The answer to a request."""
        number = len(self.received)
        message = {"type": "request", "id": number, "method": method, "params": params, "request_id": request_id}
        self._send("comm_msg", data=message)
        return self.wait(lambda each: each["type"] == "reply" and each["id"] == number)

    def listen(self, topic):
        self._send("comm_msg", data={"type": "listen", "topic": topic})

    def wait(self, is_wanted, what="a message"):
        """The first message for which something is true, after those that were waited for."""

        def found():
            while self.seen < len(self.received):
                self.seen += 1
                if is_wanted(self.received[self.seen - 1]):
                    return self.received[self.seen - 1]
            return None

        return self.kernel.wait_until(found, what)

    def take(self, message):
        content = message["content"]
        if content.get("comm_id") != self.comm:
            return
        if message["header"]["msg_type"] == "comm_close":
            self.is_closed = True
        elif message["header"]["msg_type"] == "comm_msg":
            self.received.append(json.loads(content["data"]["json"]))

    def close(self):
        self._send("comm_close", data={})

    def _send(self, kind, **content):
        message = self.kernel.client.session.msg(kind, {"comm_id": self.comm, **content})
        if self.subshell:
            message["header"]["subshell_id"] = self.subshell
        self.kernel.client.shell_channel.send(message)


class ViewKernel(Kernel):
    """A kernel whose displays are known as a notebook knows them."""

    def __init__(self, service):
        super().__init__(service)
        self.displays = {}
        #: Displays and updates, and how many of them the test has waited for.
        self.updates = []
        self.seen = 0
        self.browsers = []

    def show(self, code="%qs widget", cell="a"):
        """Run a cell that shows a view: the id of the view."""
        metadata = {"cellId": cell}
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        return self.wait_for(lambda data: MIME_TYPE in data, "a view", kind="display_data")[MIME_TYPE]["view"]

    def wait_for(self, is_wanted, what, kind="update_display_data"):
        """The data of the first display or update for which something is true, after those that were waited for."""

        def found():
            while self.seen < len(self.updates):
                self.seen += 1
                each, data = self.updates[self.seen - 1]
                if each == kind and is_wanted(data):
                    return data
            return None

        return self.wait_until(found, what)

    def wait_until(self, found, what):
        """Take messages until a function finds something."""
        until = time.monotonic() + PATIENCE
        while (result := found()) is None:
            assert time.monotonic() < until, f"{what} did not come"
            with contextlib.suppress(queue.Empty):
                self._take(self.client.get_iopub_msg(timeout=1))
        return result

    def _take(self, message):
        content = message["content"]
        if message["header"]["msg_type"] in ("display_data", "update_display_data"):
            self.displays[content["transient"].get("display_id")] = content["data"]
            self.updates.append((message["header"]["msg_type"], content["data"]))
        for browser in self.browsers:
            browser.take(message)

    def new_subshell(self):
        request = self.client.session.msg("create_subshell_request", {})
        self.client.control_channel.send(request)
        return self.client.get_control_msg(timeout=PATIENCE)["content"]["subshell_id"]


@pytest.fixture
def service(open_service):
    return open_service


@pytest.fixture
def kernel_of():
    """Starts kernels that have loaded the extension."""
    kernels = []

    def start(service):
        kernels.append(ViewKernel(service))
        kernels[-1].run("%load_ext bluesky_qs")
        return kernels[-1]

    yield start
    for kernel in kernels:
        kernel.close()


@pytest.fixture
def kernel(kernel_of, service):
    return kernel_of(service)


def test_any_front_end_sees_a_still_that_follows_the_service(kernel, service):
    kernel.show()
    (bundle,) = kernel.displays.values()
    assert set(bundle) == {MIME_TYPE, "text/html", "text/plain"}
    assert "Idle, the environment is open" in bundle["text/plain"]
    assert "<script" not in bundle["text/html"]
    service.add("count", ["det1"], num=3, md={"sample": "<img src=x onerror=alert(1)>"})
    html = kernel.wait_for(lambda data: "count([det1], num=3" in data["text/plain"], "the queue")["text/html"]
    assert "<img" not in html
    assert "&lt;img" in html
    service.do("queue_start")
    shown = kernel.wait_for(lambda data: "Last plans" in data["text/plain"], "the history")
    assert "completed" in shown["text/html"].rpartition("Last plans")[2]


def test_a_view_gets_what_is_published_and_its_requests_are_answered(kernel, service):
    view = Browser(kernel, kernel.show())
    hello = view.wait(lambda each: each["type"] == "hello", "a greeting")
    assert hello["user"] == "ada"
    assert hello["scopes"] is None
    assert abs(hello["time"] - time.time()) < 2
    view.listen("documents")
    assert view.request("plan_parse", text="count([det1]")["reply"]["errors"][0]["column"] == len("count")
    item = view.request("plan_parse", text="count([det1], num=2)")["reply"]["item"]
    added = view.request("queue_item_add", item=item, request_id="abc")["reply"]
    again = view.request("queue_item_add", item=item, request_id="abc")["reply"]
    assert added["item"]["user"] == "ada"
    assert again["item"]["item_uid"] == added["item"]["item_uid"]
    assert view.request("queue_get")["reply"]["items"] == [added["item"]]
    sheet = view.request("sheet_parse", name="a.csv", data="cGxhbixudW0KY291bnQseAo=")["reply"]
    assert {fault["row"] for fault in sheet["errors"]} == {2}
    refused = view.request("queue_item_remove", uid="nobody")
    assert refused["reply"]["success"] is False
    assert "nobody" in refused["refused"]
    assert "Unknown method" in view.request("queue_burn")["refused"]
    view.request("queue_start")

    def news(topic):
        return [
            payload for each in view.received if each["type"] == "news" for t, payload in each["messages"] if t == topic
        ]

    view.wait(lambda _: any(event["type"] == "item_ended" for event in news("event")), "the end of the plan")
    view.wait(lambda _: any(each["name"] == "stop" for each in news("documents")), "the documents")
    numbers = [event["seq"] for event in news("event")]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert news("status")
    assert news("console") == []


@pytest.mark.parametrize("has_subshell", [True, False], ids=["with a subshell", "without subshells"])
def test_while_a_cell_runs_the_view_stays_live_and_knows_whether_its_requests_wait(kernel, service, has_subshell):
    shown = kernel.show()
    view = Browser(kernel, shown, subshell=kernel.new_subshell() if has_subshell else None)
    view.wait(lambda each: not each.get("held", True), "an idle kernel")
    kernel.client.execute("import threading; threading.Event().wait()", allow_stdin=False)
    held = view.wait(lambda each: each["type"] == "beat" and (has_subshell or each["held"]), "a busy kernel")["held"]
    assert held is not has_subshell
    if has_subshell:
        assert view.request("status")["reply"]["manager_state"] == "idle"
    service.add("count", ["det1"])
    view.wait(lambda each: any(topic == "event" for topic, _ in each.get("messages", ())), "the event of the change")
    kernel.wait_for(lambda data: "count([det1])" in data["text/plain"], "the still of the change")
    kernel.manager.interrupt_kernel()
    view.wait(lambda each: each["type"] == "beat" and not each["held"], "the end of the cell")


def test_over_http_the_view_follows_the_door_and_knows_what_its_key_allows(kernel_of, new_service, free_ports):
    key, (port,) = "k3yOfTheTests", free_ports(1)
    address = f"127.0.0.1:{port}"
    env = {"QSERVER_HTTP_SERVER_SINGLE_USER_API_KEY": key}
    service = new_service("--warm-worker", "OFF", "--http", address, env=env).start()
    service.open()
    with REManagerAPI(http_server_uri=f"http://{address}") as owner:
        owner.set_authorization_key(api_key=key)
        read_only = owner.apikey_new(expires_in=3600, scopes=["read:status", "read:queue", "read:history"])["secret"]
    service.env["QSERVER_HTTP_SERVER_API_KEY"] = key
    kernel = kernel_of(service)
    kernel.run(f"%qs connect http://{address}")
    view = Browser(kernel, kernel.show())
    assert "write:queue:edit" in view.wait(lambda each: each["type"] == "hello", "a greeting")["scopes"]
    item = {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": 3}}
    added = view.request("queue_item_add", item=item)["reply"]["item"]
    kernel.wait_for(lambda data: "count([det1], num=3" in data["text/plain"], "the queue")
    view.request("queue_start")

    def is_the_end(message):
        messages = message.get("messages", ())
        return any(topic == "event" and each["type"] == "item_ended" for topic, each in messages)

    ended = view.wait(is_the_end, "the end of the plan")["messages"]
    assert added["item_uid"] in {
        event["item_uid"] for topic, event in ended if topic == "event" and "item_uid" in event
    }
    kernel.wait_for(lambda data: "Last plans" in data["text/plain"], "the history")

    service.env["QSERVER_HTTP_SERVER_API_KEY"] = read_only
    observing = kernel_of(service)
    observing.run(f"%qs connect http://{address}")
    view = Browser(observing, observing.show())
    assert "write:queue:edit" not in view.wait(lambda each: each["type"] == "hello", "a greeting")["scopes"]
    assert "write:queue:edit" in view.request("queue_item_add", item=item)["forbidden"]
    assert view.request("queue_get")["reply"]["items"] == []


def test_a_service_that_stops_is_said_in_the_still_and_it_comes_back(kernel_of, new_service):
    service = new_service("--warm-worker", "OFF").start()
    kernel = kernel_of(service)
    view = Browser(kernel, kernel.show())
    service.stop()
    view.wait(lambda each: each["type"] == "beat" and each["age"] > 2, "silence")
    kernel.wait_for(lambda data: "The service has not answered since" in data["text/plain"], "the still says so")
    assert "No answer" in view.request("status")["unanswered"]
    service.start()
    view.wait(lambda each: each["type"] == "news" and each["messages"][0][0] == "resumed", "messages")
    kernel.wait_for(lambda data: "not answered" not in data["text/plain"], "the still")


def test_a_view_is_replaced_in_its_cell_and_each_cell_has_its_own(kernel, service):
    first = Browser(kernel, kernel.show())
    second = Browser(kernel, kernel.show("RM.widget()", cell="b"))
    assert {first.comm, second.comm} == {f"comm-of-{data[MIME_TYPE]['view']}" for data in kernel.displays.values()}
    second.wait(lambda each: each["type"] == "hello", "a greeting")
    third = kernel.show("RM.widget()", cell="b")
    kernel.wait_until(lambda: second.is_closed or None, "its end")
    last = next(data for name, data in kernel.displays.items() if second.comm.endswith(name.removeprefix("qs-view-")))
    assert "This was the last state." in last["text/plain"]
    assert MIME_TYPE not in last
    assert first.request("status")["reply"]["manager_state"] == "idle"
    assert Browser(kernel, third).request("status")["reply"]["manager_state"] == "idle"


def test_an_unknown_view_is_refused_and_nothing_is_left_when_the_extension_is_unloaded(kernel, service):
    kernel.show()
    stranger = Browser(kernel, "of-an-earlier-kernel")
    kernel.wait_until(lambda: stranger.is_closed or None, "its end")
    kernel.client.execute(
        "%unload_ext bluesky_qs\nimport threading\nfrom IPython.display import display\n"
        "names = [each.name for each in threading.enumerate() if 'qs-view' in each.name]\n"
        "display({'text/plain': str(names)}, raw=True)"
    )
    assert kernel.wait_for(lambda _: True, "the names of the threads", kind="display_data")["text/plain"] == "[]"


def test_the_last_state_is_kept_when_the_kernel_ends(kernel, service):
    kernel.show("view = %qs widget\nview", cell="a")
    kernel.client.shutdown()
    shown = kernel.wait_for(lambda data: "The kernel ended at" in data["text/plain"], "the last still")
    assert set(shown) == {"text/html", "text/plain"}
    assert "Idle, the environment is open" in shown["text/plain"]
