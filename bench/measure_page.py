"""Measure the page: its first content, its scripts, a queue of 10 000 items, and its heap after a long shift."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from harness import Client, group, pct
from http_perf import DoorService
from page_browser import opened_page
from service import add, batch, plan, run_queue

ITEMS, CHUNK = 10_000, 1000
#: The numbers of events after which the heap is compared.
EARLY, LATE, LATE_QUICK = 3_000, 144_000, 20_000
#: Seconds after which no timer of the page is still waiting for changes to end.
_SETTLED = 10
_WHEEL = {"pixels": 12_000, "speed": 3000}  # about a new row in each frame
_LEAVES = 200
_USERS = 4


@contextlib.contextmanager
def working_service(b, im):
    """A service with an open environment and a history, as users find it when they open the page."""
    with DoorService(b, im, "bench") as s:
        s.open_env()
        s.c.ok("queue_item_add_batch", batch(20, "p_null") | {"items": [plan("p_null")] * 20})
        run_queue(s.c, 60)
        yield s


@group("page", 5)
def g_page(b, im, rep):
    """Load the page into a new browser, with a typical beamline queue."""
    with working_service(b, im) as s, opened_page(s) as page:
        s.c.ok("queue_item_add_batch", batch(50))
        painted, shown = page.load()
        b.rec(im, "page.first_paint", painted, "ms")
        b.rec(im, "page.first_content", shown, "ms")
        b.rec(im, "page.scripts", page.script_bytes() / 1000, "kB")


@group("scroll", 5)
def g_scroll(b, im, rep):
    """Scroll through 10 000 items, with the wheel and by whole pages of rows."""
    with working_service(b, im) as s, opened_page(s) as page:
        for _ in range(ITEMS // CHUNK):
            s.c.ok("queue_item_add_batch", batch(CHUNK), 120)
        page.load()
        page.scrolled(**_WHEEL)  # the code of the page is compiled
        wall, processor = page.scrolled(**_WHEEL)
        rows = page.rows()
        b.rec(im, "page.scroll_frame_p50", pct(processor, 50), "ms")
        b.rec(im, "page.scroll_frame_p95", pct(processor, 95), "ms")
        b.rec(im, "page.scroll_frame_wall_p95", pct(wall, 95), "ms")
        wall, processor = page.leafed(_LEAVES)
        b.rec(im, "page.leaf_frame_p95", pct(processor, 95), "ms")
        b.rec(im, "page.leaf_frame_wall_p95", pct(wall, 95), "ms")
        b.rec(im, "page.rows_of_10000", max(rows, page.rows()), "rows")


@group("heap", 5)
def g_heap(b, im, rep):
    """Compare the heap of a page that stays open over time."""
    late = LATE_QUICK if b.o.quick else LATE
    with working_service(b, im) as s, opened_page(s) as page, Shift(s) as shift:
        s.c.ok("queue_item_add_batch", batch(1))
        page.load()
        for view in ("history", "devices", "console", "now"):
            page.page.evaluate("view => { location.hash = `#/${view}`; }", view)
            time.sleep(1)
        heaps, data = [], []
        for number in (EARLY, late):
            while shift.events() < number:
                shift.round()
                page.await_event(shift.last)
            time.sleep(_SETTLED)
            used, code = page.heap()
            heaps.append(used)
            data.append(used - code)
            b.rec(im, f"page.heap_{number}", used / 2**20, "MiB")
            b.rec(im, f"page.heap_{number}_code", code / 2**20, "MiB")
        b.rec(im, "page.heap_ratio", heaps[1] / heaps[0], "")
        b.rec(im, "page.heap_data_ratio", data[1] / data[0], "")


class Shift:
    """Several users who add, change, move, remove and run plans. Each round makes about 1000 events.

    Half of the events come from running plans. Some plans measure something; the others are as short as possible.
    """

    _ADDED, _CHANGED, _MOVED, _REMOVED, _MEASURING = 220, 100, 100, 20, 4

    def __init__(self, s):
        self._s = s
        self._of_thread = threading.local()
        self._clients = []
        self._users = ThreadPoolExecutor(_USERS, initializer=self._arrive)
        self._first = self.last = self._newest()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._users.shutdown()
        for client in self._clients:
            client.close()

    def events(self):
        """The number of events since the beginning."""
        return self.last - self._first

    def round(self):
        uids = self._all(self._add, range(self._ADDED))
        self._all(self._change, uids[: self._CHANGED])
        self._all(self._move, uids[-self._MOVED :])
        self._all(self._remove, uids[: self._REMOVED])
        for loop in (True, False):
            self._s.c.ok("queue_mode_set", {"mode": {"loop": loop}, "user": "bench"})
        run_queue(self._s.c, 120)
        self.last = self._newest()

    def _newest(self):
        return self._s.c.ok("events_get", {"limit": 0})["last"]

    def _arrive(self):
        self._of_thread.client = Client(self._s.port)
        self._clients.append(self._of_thread.client)

    def _all(self, act, values):
        return list(self._users.map(lambda value: act(self._of_thread.client, value), values))

    def _add(self, client, number):
        item = plan("p_null", meta={"sample": f"S{number:03d}", "temperature": number})
        if number % (self._ADDED // self._MEASURING) == 0:
            item = plan("count", 2, kwargs={"num": 3}, meta={"sample": f"S{number:03d}"})
        return add(client, item)["item"]["item_uid"]

    def _change(self, client, uid):
        item = client.ok("queue_item_get", {"uid": uid})["item"]
        client.ok(
            "queue_item_update",
            {"item": item | {"meta": {"sample": "changed"}}, "user": "ada", "user_group": "primary"},
        )

    def _move(self, client, uid):
        client.ok("queue_item_move", {"uid": uid, "pos_dest": "front", "user": "grace"})

    def _remove(self, client, uid):
        client.ok("queue_item_remove", {"uid": uid, "user": "ada"})
