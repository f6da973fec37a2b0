"""The faults of a chaos run. Each is a function that causes it and returns when its cause is over."""

import contextlib
import os
import random
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from typing import NamedTuple

import psutil
import zmq

from tests.chaos.clients import WHO, Caller
from tests.chaos.world import World

MANAGER, WORKER, DOOR = "bluesky_qs.manager", "bluesky_qs.worker", "bluesky_qs.door"


class Fault(NamedTuple):
    """A kind of fault; ``unfit`` gives the reason why it is not possible in a world, or an empty text."""

    kind: str
    cause: Callable[[World, random.Random], object]
    unfit: Callable[[World], str]


FAULTS: list[Fault] = []


def fault(kind: str, unfit: Callable[[World], str] = lambda _: "") -> Callable[..., Callable[..., object]]:
    """Add a function to the faults."""

    def add(cause: Callable[[World, random.Random], object]) -> Callable[..., object]:
        FAULTS.append(Fault(kind, cause, unfit))
        return cause

    return add


def _no_redis(world: World) -> str:
    return "" if world.redis else "the store is no Redis"


# ----------------------------------------------------------------------------------------------------- processes
@fault("manager killed")
def kill_manager(world: World, rng: random.Random) -> None:
    world.process(MANAGER).kill()


@fault("manager killed twice")
def kill_manager_twice(world: World, rng: random.Random) -> None:
    world.process(MANAGER).kill()
    world.pause(rng.uniform(0.05, 0.6))
    world.process(MANAGER).kill()


@fault("manager frozen")
def freeze_manager(world: World, rng: random.Random) -> None:
    world.process(MANAGER).suspend()  # the supervisor replaces it


@fault("manager slow")
def pause_manager(world: World, rng: random.Random) -> None:
    with _suspended(world.process(MANAGER)):
        world.pause(rng.uniform(0.5, 3))


@fault("worker killed")
def kill_worker(world: World, rng: random.Random) -> None:
    world.process(WORKER).kill()


@fault("worker frozen")
def freeze_worker(world: World, rng: random.Random) -> None:
    with _suspended(world.process(WORKER)):
        world.pause(rng.uniform(1, 5))


@fault("manager and worker killed")
def kill_both(world: World, rng: random.Random) -> None:
    pair = [world.process(MANAGER), world.process(WORKER)]
    rng.shuffle(pair)
    for process in pair:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


@fault("service killed")
def kill_service(world: World, rng: random.Random) -> None:
    world.service.kill_everything()
    world.service.spawn()


@fault("door killed")
def kill_door(world: World, rng: random.Random) -> None:
    world.process(DOOR).kill()


@fault("door frozen")
def freeze_door(world: World, rng: random.Random) -> None:
    world.process(DOOR).suspend()


# ---------------------------------------------------------------------------------------------------------- disk
@fault("disk full")
def fill_disk(world: World, rng: random.Random) -> None:
    if not world.small_disk:
        with _limited(world.process(MANAGER), resource.RLIMIT_FSIZE, 0):
            world.pause(rng.uniform(1, 3))
        return
    filler = world.folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            for size in (1 << 20, 4096):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(size))
        world.pause(rng.uniform(1, 3))
    finally:
        filler.unlink()


@fault("derived files damaged")
def damage_derived_files(world: World, rng: random.Random) -> None:
    for path in world.state_folder.glob("*.sqlite3"):
        with path.open("r+b") as file:
            size = max(4096, path.stat().st_size)
            for _ in range(3):
                file.seek(rng.randrange(0, size, 512))
                file.write(rng.randbytes(512))
    world.process(MANAGER).kill()  # the next one has to open them


# --------------------------------------------------------------------------------------------------------- Redis
@fault("Redis killed", _no_redis)
def kill_redis(world: World, rng: random.Random) -> None:
    assert world.redis is not None
    world.redis.kill()
    world.pause(rng.uniform(0, 2))
    world.redis.start()


@fault("Redis frozen", _no_redis)
def freeze_redis(world: World, rng: random.Random) -> None:
    assert world.redis is not None
    assert world.redis.process is not None
    with _suspended(psutil.Process(world.redis.process.pid)):
        world.pause(rng.uniform(0.5, 4))


# ------------------------------------------------------------------------------------------------------- network
@fault("garbage and half messages")
def send_garbage(world: World, rng: random.Random) -> None:
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48)
    for address in (world.service.control, world.service.info, world.http):
        port = int(address.rpartition(":")[2])
        for _ in range(20):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as raw:
                sent = rng.choice([b"", greeting, b"POST /api/queue/item/add HTTP/1.1\r\nContent-Length: 99\r\n\r\n"])
                raw.sendall(sent + rng.randbytes(rng.randrange(2000)))
    with zmq.Context.instance().socket(zmq.DEALER) as dealer:
        dealer.linger = 200
        dealer.connect(world.service.control)
        for _ in range(50):
            whole = b'{"method": "queue_item_add", "params": {"item": {"name": "note", "args": ["half"'
            frames = [b"", rng.choice([whole[: rng.randrange(len(whole))], rng.randbytes(300), b"[" * 5000])]
            dealer.send_multipart(frames[rng.randrange(2) :] * rng.choice([1, 1, 3]))


@fault("a thousand connections")
def connect_a_thousand_times(world: World, rng: random.Random) -> None:
    ports = [int(address.rpartition(":")[2]) for address in (world.service.control, world.service.info, world.http)]
    with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
        for number in range(1000):
            stack.enter_context(socket.create_connection(("127.0.0.1", ports[number % 3]), timeout=5))
        world.pause(1)


@fault("no descriptors left")
def use_up_descriptors(world: World, rng: random.Random) -> None:
    process = world.process(rng.choice([MANAGER, DOOR]))
    with _limited(process, resource.RLIMIT_NOFILE, process.num_fds() + 1):
        world.pause(rng.uniform(1, 3))


# -------------------------------------------------------------------------------------------------------- worker
@fault("no memory for the worker")
def use_up_memory(world: World, rng: random.Random) -> None:
    worker = world.process(WORKER)
    with _limited(worker, resource.RLIMIT_AS, worker.memory_info().vms + (100 << 20)):
        _run_function(world, "eat_memory")
        world.pause(2)


@fault("a worker that floods the console")
def flood_console(world: World, rng: random.Random) -> None:
    _run_function(world, "flood_console", 100_000)


@fault("a worker that floods its link")
def flood_link(world: World, rng: random.Random) -> None:
    _run_function(world, "large_result", 50_000_000)
    item = {"item_type": "plan", "name": "note", "args": [mark := f"flood-{rng.randbytes(6).hex()}"]}
    item["kwargs"] = {"runs": 500}
    answer = _asked(world, "queue_item_add", item=item, pos="front", request_id=mark, **WHO)
    if answer and answer["success"]:
        world.record.added[mark].append(mark)


# ---------------------------------------------------------------------------------------------------------- time
@fault("clock set", lambda world: "" if world.clock.variables else "there is no C compiler")
def set_clock(world: World, rng: random.Random) -> None:
    world.clock.set(rng.choice([3600, -3600, 86400, -7, 0]))


def _run_function(world: World, name: str, *args: object) -> None:
    function = {"item_type": "function", "name": name, "args": list(args)}
    _asked(world, "function_execute", item=function, run_in_background=True, **WHO)


def _asked(world: World, method: str, **params: object) -> dict[str, object] | None:
    caller = Caller(world.service.control, world.record)
    try:
        return caller.ask(method, **params)
    finally:
        caller.close()


@contextlib.contextmanager
def _suspended(process: psutil.Process) -> Iterator[None]:
    process.suspend()
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)


@contextlib.contextmanager
def _limited(process: psutil.Process, kind: int, soft: int) -> Iterator[None]:
    """Lower a limit of a process for a while. It may be replaced in the meantime."""
    before, hard = resource.prlimit(process.pid, kind)
    resource.prlimit(process.pid, kind, (soft, hard))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(process.pid, kind, (before, hard))
