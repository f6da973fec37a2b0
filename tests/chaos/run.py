"""A chaos run: faults, one after the other, while clients work. ``make chaos`` runs it for long and writes a report."""

import argparse
import asyncio
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from tests.chaos.clients import WHO, Adder, Caller, Client, DryRunner, EventReader, Keeper, Reader, Remover
from tests.chaos.faults import FAULTS, MANAGER, Fault
from tests.chaos.record import Record
from tests.chaos.world import KEY, World, new_world

#: Seconds after which the service must take changes again after each fault, and have run everything in the end.
RECOVERY, DRAIN = 30.0, 180.0
KILLS = ("manager killed", "worker killed", "manager and worker killed", "service killed")


def run(
    store: str, *, seconds: float = 0.0, kills: int = 0, seed: int = 1, kinds: Sequence[str] = (), aloud: bool = False
) -> Record:
    """Cause faults for some time, or kill processes this number of times at random moments; return what happened."""
    record, rng = Record(), random.Random(seed)
    with new_world(store, record) as world:
        over, done = threading.Event(), threading.Event()
        address = world.service.control
        writers: list[Client] = [kind(f"{kind.__name__}{n}", address, record, over) for kind, n in _CLIENTS]
        keeper = Keeper("keeper", address, record, done)
        events = EventReader(f"{world.http}/api", KEY, record, done)
        for thread in (keeper, events, *writers):
            thread.start()
        prober, expected = Prober(world), world.process(MANAGER).pid
        end = time.monotonic() + seconds
        number = 0
        for fault in _sequence(world, rng, kinds=KILLS if kills else kinds):
            if number == kills if kills else time.monotonic() >= end:
                break
            world.pause(rng.uniform(0.0, 1.0))
            if (manager := world.process(MANAGER).pid) != expected:
                record.violation(f"manager {expected} was replaced by {manager} without a reason")
            try:
                fault.cause(world, rng)
            except (psutil.NoSuchProcess, ProcessLookupError):
                continue  # it had ended just before, which is the effect of an earlier fault
            except AssertionError as error:
                record.violation(f"{fault.kind}: {error}")
            number += 1
            took = prober.next_change(fault.kind)
            expected = world.process(MANAGER).pid
            record.faults[fault.kind].append(took)
            if aloud:
                print(f"{number} {fault.kind}: {took:.1f} s, {len(record.violations)} violations", flush=True)
        over.set()
        for client in writers:
            client.join()
        _drain(world, prober, events)
        done.set()
        keeper.join()
        events.join()
        prober.close()
        world.service.kill_everything()
        record.judge(*asyncio.run(world.outcome()))
    return record


_CLIENTS = [(Adder, 1), (Adder, 2), (Remover, 1), (Reader, 1), (DryRunner, 1)]


def _sequence(world: World, rng: random.Random, kinds: Sequence[str]) -> Iterator[Fault]:
    """Faults in random order, none a second time before all others."""
    wanted = [fault for fault in FAULTS if not kinds or fault.kind in kinds]
    world.record.left_out = {fault.kind: reason for fault in wanted if (reason := fault.unfit(world))}
    possible = [fault for fault in wanted if not fault.unfit(world)]
    while True:
        yield from rng.sample(possible, len(possible))


class Prober:
    """Adds an item after each fault, and measures how long that takes."""

    def __init__(self, world: World) -> None:
        self._record = world.record
        self._caller = Caller(world.service.control, world.record)
        self._number = 0

    def next_change(self, kind: str) -> float:
        """Seconds until a change is acknowledged."""
        begin = time.monotonic()
        while True:
            self._number += 1
            mark = f"probe-{self._number}"
            item = {"item_type": "plan", "name": "note", "args": [mark]}
            answer = self._caller.ask("queue_item_add", patience=0.3, item=item, request_id=mark, **WHO)
            took = time.monotonic() - begin
            if answer and answer["success"]:
                self._record.added["probe"].append(mark)
                return took
            if answer:
                self._record.refused.add(mark)
            if took > RECOVERY:
                self._record.violation(f"no change was possible within {RECOVERY:g} s after: {kind}")
                return took
            time.sleep(0.05)

    def status(self) -> dict[str, object]:
        return self._caller.ask("status") or {}

    def events(self) -> list[int]:
        """Numbers of all events that the service has kept."""
        answer = self._caller.ask("events_get", patience=10, since=0, limit=100_000) or {"events": []}
        return [event["seq"] for event in answer["events"]]

    def close(self) -> None:
        self._caller.close()


def _drain(world: World, prober: Prober, events: EventReader) -> None:
    """Wait until everything has run, and compare the events."""
    end = time.monotonic() + DRAIN
    while True:
        status = prober.status()
        if status.get("items_in_queue") == 0 and status.get("running_item_uid") is None:
            break
        if time.monotonic() > end:
            world.record.violation(f"not everything has run within {DRAIN:g} s: {status}")
            break
        time.sleep(0.2)
    seqs = prober.events()
    if not seqs or seqs != list(range(seqs[0], seqs[0] + len(seqs))):
        world.record.violation("the numbers of the events have a gap")
    last = seqs[-1] if seqs else 0
    while events.last < last and time.monotonic() < end:
        time.sleep(0.1)
    if events.last < last:
        world.record.violation(f"the stream of events ended at {events.last}, the service is at {last}")


def main() -> int:
    """Run it as the command line says; the exit code is 1 if something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=["sqlite", "redis"], default="sqlite")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long faults are caused")
    parser.add_argument("--kills", type=int, default=0, help="instead, kill processes at this many random moments")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", default=[], metavar="KIND", help="only faults of this kind")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # ends the service and unmounts its disk, also in the background
        signal.signal(number, signal.default_int_handler)
    what = f"{options.kills} kills" if options.kills else f"{options.minutes:g} minutes"
    record = run(
        options.store,
        seconds=60 * options.minutes,
        kills=options.kills,
        seed=options.seed,
        kinds=options.only,
        aloud=True,
    )
    report = record.report(f"Chaos on {options.store}: {what}, seed {options.seed}")
    path = Path("build/chaos") / f"{options.store}-{what.replace(' ', '-')}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(report)
    print(f"\n{report}\nWritten: {path}")
    return 1 if record.violations else 0


if __name__ == "__main__":
    sys.exit(main())
