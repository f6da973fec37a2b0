"""A Chromium with a service's page: the times when content is shown, the work of the main thread, and the heap."""

import bisect
import collections
import contextlib
import json
import os
import shutil

from harness import Timeout
from playwright.sync_api import sync_playwright

_SCREEN = {"width": 1280, "height": 900}
#: Chromium records these events. The work of the main thread is the sum of their times. Recording more would take time.
_TRACED = ["-*", "disabled-by-default-devtools.timeline", "disabled-by-default-devtools.timeline.frame"]
# Runs before the scripts of the page. `shown` becomes the time at which a frame with the state, the queue and the last
# plans has been drawn, in milliseconds since the navigation.
_CONTENT = """
window.shown = new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("the page shows no state, queue and history")), 30000);
    const parts = ["[aria-label=State] strong", "[role=option]", ".history tbody tr"];
    const observer = new MutationObserver(() => {
        if (!parts.every((part) => document.querySelector(part)?.textContent)) return;
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
    });
    observer.observe(document, { childList: true, subtree: true, characterData: true });
});
"""
# Records the number of the last event that has reached the page, and how often events were missing. `reached(number,
# ms)` waits for an event, because polling would leave compiled code in the heap.
_EVENTS = """
{
    let last = 0;
    let gaps = 0;
    let look = () => {};
    window.reached = (number, patience) => new Promise((resolve, reject) => {
        const late = () => reject(new Error(`event ${number} has not come; the last one was ${last}`));
        const timer = setTimeout(late, patience);
        look = () => {
            if (last < number) return;
            clearTimeout(timer);
            resolve(gaps);
        };
        look();
    });
    window.WebSocket = class extends WebSocket {
        constructor(address) {
            super(address);
            if (!address.includes("/events/ws")) return;
            this.addEventListener("message", ({ data }) => {
                const { seq, type } = JSON.parse(data);
                if (seq) last = seq;
                if (type === "gap") gaps += 1;
                look();
            });
        }
    };
}
"""


def chromium():
    """The path of the browser; None if there is none."""
    return os.environ.get("QS_CHROMIUM") or shutil.which("chromium")


@contextlib.contextmanager
def opened_page(s):
    """A new browser with an empty cache, which has not yet loaded the service's page."""
    for name in [each for each in os.environ if each.lower().endswith("_proxy")]:
        del os.environ[name]  # Chromium would ask a proxy for addresses of this computer
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport=_SCREEN)
        page.set_default_timeout(60_000)
        yield OpenPage(browser, page, f"http://127.0.0.1:{s.http_port}/#api_key={s.key}")
        browser.close()


class OpenPage:
    """One page, and measurements of its cost."""

    def __init__(self, browser, page, link):
        self.browser, self.page, self.link = browser, page, link
        self._cdp = page.context.new_cdp_session(page)
        self._scripts = []
        page.on("requestfinished", self._note)
        page.add_init_script(_CONTENT)
        page.add_init_script(_EVENTS)

    def load(self):
        """Load the page; return the milliseconds until anything was drawn, and until the state, the queue and the
        history were."""
        self.page.goto(self.link)
        shown = self.page.evaluate("window.shown")
        return self.page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"), shown

    def script_bytes(self):
        """The size of all scripts as they were sent."""
        return sum(request.sizes()["responseBodySize"] for request in self._scripts)

    def rows(self):
        return self.page.locator("[role=option]").count()

    def scrolled(self, pixels, speed):
        """Turn the mouse wheel over the queue; return the work for each frame, as `frame_work` does."""
        box = self.page.get_by_role("listbox", name="Queue").bounding_box()
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + 100}
        gesture = {**at, "yDistance": -pixels, "speed": speed, "gestureSourceType": "mouse"}
        return self._traced(lambda: self._cdp.send("Input.synthesizeScrollGesture", gesture))

    def leafed(self, frames):
        """Scroll by a whole page of rows in each frame, as users do when they drag the scroll bar; see `scrolled`."""
        leaf = """frames => new Promise((resolve) => {
            const box = document.querySelector("[role=listbox][aria-label=Queue]");
            const step = () => {
                box.scrollTop += box.clientHeight;
                frames -= 1;
                requestAnimationFrame(frames > 0 ? step : resolve);
            };
            requestAnimationFrame(step);
        })"""
        return self._traced(lambda: self.page.evaluate(leaf, frames))

    def await_event(self, number, timeout=120):
        """Wait until the page has received all events up to this one."""
        if gaps := self.page.evaluate("([number, ms]) => window.reached(number, ms)", [number, timeout * 1000]):
            raise RuntimeError(f"events did not reach the page ({gaps} gaps)")

    def heap(self):
        """Collect garbage; return the size of the heap in bytes, and how much of it is compiled code."""
        for _ in range(2):  # the first one may only free objects for the second
            self._cdp.send("HeapProfiler.collectGarbage")
        used = self._cdp.send("Runtime.getHeapUsage")["usedSize"]
        return used, code_size(self._snapshot())

    def _snapshot(self):
        chunks = []
        add = lambda message: chunks.append(message["chunk"])
        self._cdp.on("HeapProfiler.addHeapSnapshotChunk", add)
        self._cdp.send("HeapProfiler.takeHeapSnapshot", {"reportProgress": False})
        self._cdp.remove_listener("HeapProfiler.addHeapSnapshotChunk", add)
        return json.loads("".join(chunks))

    def _note(self, request):
        if request.resource_type == "script":
            self._scripts.append(request)

    def _traced(self, act):
        self.browser.start_tracing(page=self.page, categories=_TRACED)
        act()
        return frame_work(json.loads(self.browser.stop_tracing())["traceEvents"])


def code_size(snapshot):
    """The bytes of compiled code in a snapshot of the heap."""
    meta, nodes = snapshot["snapshot"]["meta"], snapshot["nodes"]
    fields, types = meta["node_fields"], meta["node_types"][0]
    sizes = zip(
        nodes[fields.index("type") :: len(fields)], nodes[fields.index("self_size") :: len(fields)], strict=True
    )
    return sum(size for kind, size in sizes if types[kind] == "code")


def frame_work(events):
    """The milliseconds that the main thread works for each frame of a trace: wall-clock time and processor time.

    A frame ends with the task that draws it. The work since the previous frame counts toward it.
    """
    frames = collections.defaultdict(list)
    for event in events:
        if event["name"] == "BeginMainThreadFrame":
            frames[event["pid"], event["tid"]].append(event["ts"])
    thread = max(frames, key=lambda each: len(frames[each]))
    begins = sorted(frames[thread])
    wall, processor = [0.0] * (len(begins) + 1), [0.0] * (len(begins) + 1)
    for event in events:
        if event["name"] == "RunTask" and event["ph"] == "X" and (event["pid"], event["tid"]) == thread:
            # the task that draws begins before it notes the frame
            frame = bisect.bisect(begins, event["ts"])
            wall[frame] += event["dur"] / 1000
            processor[frame] += event.get("tdur", 0) / 1000
    if len(begins) < 10:
        raise Timeout(f"only {len(begins)} frames were drawn")
    return wall[1:-1], processor[1:-1]  # the first and the last are not complete
