"""The link between the manager and the process at its other end."""

import asyncio
import threading

import msgspec
import pytest
import zmq
import zmq.asyncio

from bluesky_qs.errors import WorkerLost, WrongState
from bluesky_qs.ipc.frames import Command
from bluesky_qs.ipc.link import ClientEnd, ServerEnd

ADDRESS = "inproc://link"


class Double(Command[int], frozen=True, tag=True):
    number: int


class Take(Command[None], frozen=True, tag=True):
    """From now on reports go to me."""


class Push(Command[None], frozen=True, tag=True):
    text: str
    keep: bool = True


class Wait(Command[None], frozen=True, tag=True):
    """Never answered while the test looks."""


class Later(Command[None], frozen=True, tag=True):
    """Changes something and leaves the report of it to the server's loop."""


class Noted(msgspec.Struct, frozen=True, tag=True):
    text: str


class Server(threading.Thread):
    """The server's process: one thread, told when its socket is readable."""

    def __init__(self, context):
        super().__init__()
        self.end = ServerEnd(context, ADDRESS, Double | Take | Push | Wait | Later, self.obey, self.push_waiting)
        self.waiting = []
        self.stop_reader = context.socket(zmq.PULL)
        self.stop_reader.bind("inproc://stop")
        self.stop_writer = context.socket(zmq.PUSH)
        self.stop_writer.connect("inproc://stop")
        self.goes_on = threading.Event()

    def run(self):
        poller = zmq.Poller()
        poller.register(self.end.socket, zmq.POLLIN)
        poller.register(self.stop_reader, zmq.POLLIN)
        while self.stop_reader not in dict(poller.poll()):
            self.end.receive()
        self.end.close()

    def obey(self, command):
        match command:
            case Double(number):
                if number < 0:
                    raise WrongState("Negative")
                return 2 * number
            case Take():
                self.end.adopt()
            case Push(text, keep):
                self.end.push(Noted(text), keep=keep)
            case Wait():
                self.goes_on.wait(20)
            case Later():
                self.waiting.append(Noted("changed"))
        return None

    def push_waiting(self):
        while self.waiting:
            self.end.push(self.waiting.pop(0))

    def stop(self):
        self.goes_on.set()
        self.stop_writer.send(b"")
        self.join(20)


@pytest.fixture
def context():
    context = zmq.Context()
    yield context
    context.destroy(linger=0)


@pytest.fixture
def server(context):
    server = Server(context)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def connect(context, server):
    """Makes clients that listen; each has a queue of what was reported to it."""
    clients = []

    async def listen(client, heard):
        async for report in client.reports():
            heard.put_nowait(report)

    def new():
        client, heard = ClientEnd(zmq.asyncio.Context(context), ADDRESS, Noted), asyncio.Queue()
        clients.append((client, asyncio.create_task(listen(client, heard))))
        return client, heard

    yield new
    for client, task in clients:
        task.cancel()
        client.close()


async def test_answer_has_the_type_that_the_command_names(connect):
    client, _ = connect()
    assert await client.request(Double(21)) == 42


async def test_refusal_is_raised_as_the_same_class(connect):
    client, _ = connect()
    with pytest.raises(WrongState, match="Negative"):
        await client.request(Double(-1))


async def test_reports_go_to_the_one_who_took_them_over(connect):
    first, heard_first = connect()
    second, heard_second = connect()
    await first.request(Take())
    await second.request(Push("a"))
    assert (await heard_first.get())[1] == Noted("a")
    await second.request(Take())
    await second.request(Push("b", keep=False))
    assert [await heard_second.get() for _ in range(2)] == [(1, Noted("a")), (0, Noted("b"))]


async def test_a_waiting_report_arrives_before_the_reply(connect, server):
    client, heard = connect()
    await client.request(Take())
    await client.request(Later())
    assert heard.get_nowait() == (1, Noted("changed"))


async def test_a_new_client_gets_the_kept_reports_before_the_waiting_ones(connect, server):
    first, heard = connect()
    await first.request(Take())
    await first.request(Push("a"))
    server.waiting.append(Noted("b"))
    second, heard = connect()
    await second.request(Take())
    await second.request(Double(1))
    assert [heard.get_nowait()[1].text for _ in range(2)] == ["a", "b"]


async def test_report_is_kept_for_the_next_client_until_acknowledged(connect, server):
    first, heard = connect()
    await first.request(Take())
    for text in "abc":
        await first.request(Push(text))
    for _ in range(2):
        seq, _ = await heard.get()
        first.acknowledge(seq)
    await first.request(Double(1))  # carries the acknowledgement
    assert server.end.unacknowledged == 1
    second, heard = connect()
    await second.request(Take())
    assert await heard.get() == (3, Noted("c"))
    assert heard.empty()


async def test_acknowledgement_can_go_alone(connect, server):
    client, heard = connect()
    await client.request(Take())
    await client.request(Push("a"))
    client.acknowledge((await heard.get())[0])
    await client.flush()
    await client.request(Double(1))
    assert server.end.unacknowledged == 0


async def test_client_that_takes_over_again_hears_each_report_once(connect):
    client, heard = connect()
    await client.request(Take())
    await client.request(Push("a"))
    await client.request(Take())
    await client.request(Push("b"))
    assert [(await heard.get())[1].text for _ in range(2)] == ["a", "b"]
    assert heard.empty()


async def test_requests_fail_when_the_other_end_is_known_to_be_gone(connect, begin):
    client, _ = connect()
    waiting = await begin(client.request(Wait()))
    client.fail(WorkerLost("killed by SIGKILL"))
    with pytest.raises(WorkerLost, match="killed by SIGKILL"):
        await waiting
