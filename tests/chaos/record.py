"""What the clients of a chaos run were told, and whether what the store holds in the end agrees with it."""

import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple


class Ran(NamedTuple):
    """An item of the history: its uid, the mark that its client gave it, and how it ended."""

    uid: str
    mark: str
    exit_status: str


class Record:
    """What was acknowledged. Clients write into it from their threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: Marks of the items that were added, for each client in the order of its requests.
        self.added: defaultdict[str, list[str]] = defaultdict(list)
        self.removed: set[str] = set()
        self.refused: set[str] = set()
        self.violations: list[str] = []
        self.requests = 0
        #: Seconds to the slowest answer of each method, from the first attempt.
        self.slowest: dict[str, float] = {}
        #: Faults by kind: the seconds from the end of each fault to the next change that was acknowledged.
        self.faults: defaultdict[str, list[float]] = defaultdict(list)
        self.left_out: dict[str, str] = {}

    def answered(self, method: str, seconds: float) -> None:
        with self._lock:
            self.requests += 1
            self.slowest[method] = max(seconds, self.slowest.get(method, 0.0))

    def violation(self, text: str) -> None:
        with self._lock:
            self.violations.append(text)

    def judge(self, history: Sequence[Ran], queued: Sequence[str]) -> None:
        """Compare with the history in the end, oldest item first, and with the marks of the items in the queue."""
        completed = [ran.mark for ran in history if ran.exit_status == "completed"]
        times, present = Counter(completed), {ran.mark for ran in history} | set(queued)
        acknowledged = {mark for marks in self.added.values() for mark in marks}
        expected = acknowledged - self.removed
        queued_marks = Counter(queued)
        self.violations += [
            *(f"lost: {mark}" for mark in sorted(expected - times.keys() - queued_marks.keys())),
            *(f"recorded as completed {n} times: {mark}" for mark, n in times.items() if n > 1),
            *(f"recorded {n} times: item {uid}" for uid, n in Counter(ran.uid for ran in history).items() if n > 1),
            *(f"completed and still in the queue: {mark}" for mark in sorted(times.keys() & queued_marks.keys())),
            *(f"{n} times in the queue: {mark}" for mark, n in queued_marks.items() if n > 1),
            *(f"removed, but there: {mark}" for mark in sorted(self.removed & present)),
            *(f"refused, but there: {mark}" for mark in sorted(self.refused & present)),
            *(f"nobody has added it: {mark}" for mark in sorted(present - acknowledged)),
        ]
        for client, marks in self.added.items():
            place = {mark: number for number, mark in enumerate(marks)}
            ran = [place[mark] for mark in completed if mark in place]
            if ran != sorted(ran):
                wrong = next(marks[b] for a, b in pairwise(ran) if b < a)
                self.violations.append(f"reordered: {wrong} of {client} ran after a later one")

    def report(self, title: str) -> str:
        """The run in Markdown."""
        items = sum(map(len, self.added.values()))
        summary = (
            f"{self.requests} requests, {items} items added, {len(self.removed)} removed, "
            f"{sum(map(len, self.faults.values()))} faults, {len(self.violations)} violations."
        )
        lines = [
            f"# {title}",
            "",
            summary,
            "",
            "| Fault | Times | Longest time until the next change was acknowledged |",
            "|---|---|---|",
            *(f"| {kind} | {len(took)} | {max(took):.1f} s |" for kind, took in sorted(self.faults.items())),
            *(f"| {kind} | left out: {reason} | |" for kind, reason in sorted(self.left_out.items())),
            "",
            "| Method | Slowest answer, from the first attempt |",
            "|---|---|",
            *(f"| {method} | {seconds:.1f} s |" for method, seconds in sorted(self.slowest.items())),
            "",
            *(["Violations:", "", *(f"- {text}" for text in self.violations)] if self.violations else []),
        ]
        return "\n".join(lines).rstrip() + "\n"
