"""An answer that is lost on its way: the request is sent again by itself, and done once."""

import contextlib
import inspect
import socket
import threading

import pytest

import bluesky_qs.aio
from bluesky_qs.cli.qserver import ExitCode, run
from bluesky_qs.client.items import BPlan
from bluesky_qs.client.sync import REManagerAPI

COUNT = BPlan("count", ["det1"], num=2)


class CuttingProxy:
    """Passes requests on to a server, and its answers back, except those that it cuts off.

    Attributes
    ----------
    cuts
        How many answers to requests that change something are still to be lost.
    wrote
        The requests with the verb POST that were passed on: the path of each.
    """

    def __init__(self, url):
        self.cuts = 0
        self.wrote = []
        self._server = url.removeprefix("http://").split(":")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                self._threads.append(threading.Thread(target=self._serve, args=(client,)))
                self._threads[-1].start()

    def _serve(self, client):
        server = socket.create_connection((self._server[0], int(self._server[1])))
        self._open.append(server)
        with client, server, contextlib.suppress(OSError):
            while request := message(client):
                server.sendall(request)
                answer = message(server)  # the request has been done
                verb, path, _ = request.split(b" ", 2)
                if verb == b"POST":
                    self.wrote.append(path.decode())
                    if self.cuts:
                        self.cuts -= 1
                        return
                client.sendall(answer)

    def close(self):
        for each in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()


def message(connection):
    """One HTTP message with its body; nothing if the other side has hung up."""
    received = b""
    while b"\r\n\r\n" not in received:
        if not (more := connection.recv(65536)):
            return b""
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    missing = int(headers.get(b"content-length", b"0")) - len(body)
    while missing > 0:
        more = connection.recv(65536)
        received, missing = received + more, missing - len(more)
    return received


@pytest.fixture
def proxy(http_door):
    proxy = CuttingProxy(http_door.url)
    yield proxy
    proxy.close()


@pytest.fixture(params=["blocking", "asyncio"])
async def through(request, proxy, http_door):
    """A client of either kind, which reaches the door through the proxy; calls it and waits for the reply."""
    kind = {"blocking": REManagerAPI, "asyncio": bluesky_qs.aio.REManagerAPI}[request.param]
    manager = kind(http_server_uri=proxy.url)
    manager.set_authorization_key(api_key=http_door.key)

    async def call(method, *args, **kwargs):
        value = getattr(manager, method)(*args, **kwargs)
        return await value if inspect.isawaitable(value) else value

    yield call
    await call("close")


async def test_a_plan_whose_answer_was_lost_is_added_once(through, proxy, qs_manager):
    proxy.cuts = 3
    added = await through("item_add", COUNT)
    assert proxy.wrote == ["/api/queue/item/add"] * 4
    assert [item["item_uid"] for item in qs_manager.do("queue_get")["items"]] == [added["item"]["item_uid"]]
    again = await through("item_add", COUNT)  # another request, although it is the same plan
    assert again["item"]["item_uid"] != added["item"]["item_uid"]
    assert qs_manager.do("status")["items_in_queue"] == 2


async def test_what_was_asked_of_the_engine_or_environment_is_done_once(through, proxy, qs_manager):
    proxy.cuts = 1
    assert (await through("environment_open"))["success"]  # a second one would be refused
    qs_manager.wait_idle()
    await through("item_add", COUNT)
    proxy.cuts = 1
    assert (await through("queue_clear"))["success"]
    proxy.cuts = 1
    assert (await through("lock_all", "k"))["success"]
    events = [event["type"] for event in qs_manager.do("events_get", since=0, limit=100)["events"]]
    assert events.count("lock_changed") == 1
    qs_manager.do("unlock", lock_key="k")


def test_the_command_line_adds_a_plan_once(proxy, http_door, qs_manager, monkeypatch, capsys):
    monkeypatch.setenv("QSERVER_HTTP_SERVER_API_KEY", http_door.key)
    proxy.cuts = 2
    assert (
        run(["--http", proxy.url, "queue", "add", "plan", '{"name": "count", "args": [["det1"]]}']) == ExitCode.SUCCESS
    )
    assert "'success': True" in capsys.readouterr().out
    assert proxy.wrote == ["/api/queue/item/add"] * 3
    assert qs_manager.do("status")["items_in_queue"] == 1
