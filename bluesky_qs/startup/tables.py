"""What BestEffortCallback prints, without its plots: it cannot be imported where there is no matplotlib."""

import importlib.util
import logging
import time
from typing import Any

from bluesky.callbacks import CallbackBase, LiveTable
from bluesky.callbacks.core import make_class_safe

from bluesky_qs.startup.where import is_re_worker_active


def best_effort_callback() -> Any:
    """A BestEffortCallback; `LiveTables` in a worker, where nobody sees plots, and where there is no matplotlib."""
    if is_re_worker_active() or importlib.util.find_spec("matplotlib") is None:
        return LiveTables()
    from bluesky.callbacks.best_effort import BestEffortCallback  # noqa: PLC0415 - takes half a second

    return BestEffortCallback()


# A callback that fails must not end the plan that it watches.
@make_class_safe(logger=logging.getLogger(__name__))
class LiveTables(CallbackBase):
    """Print a heading and a table of the hinted fields for every run, several open ones included."""

    def __init__(self) -> None:
        super().__init__()
        self._runs: dict[str, _Run] = {}
        self._heading = self._table = True

    def enable_heading(self) -> None:
        """Print time and identifiers of a run when it starts."""
        self._heading = True

    def disable_heading(self) -> None:
        """Take `enable_heading` back."""
        self._heading = False

    def enable_table(self) -> None:
        """Print the readings of the plan's stream."""
        self._table = True

    def disable_table(self) -> None:
        """Take `enable_table` back."""
        self._table = False

    def enable_plots(self) -> None:
        """Say why there are none."""
        print("Plots need matplotlib and a session with a display; tables are printed only")

    def disable_plots(self) -> None:
        """Nothing to do: there are none."""

    def start(self, doc: Any) -> None:
        self._runs[doc["uid"]] = _Run(doc)
        if self._heading:
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(doc["time"]))
            print(f"\n\nTransient Scan ID: {doc.get('scan_id', '')}     Time: {when}")
            print(f"Persistent Unique Scan ID: {doc['uid']!r}")

    def descriptor(self, doc: Any) -> None:
        run = self._runs.get(doc["run_start"])
        if run is not None and self._table:
            run.describe(doc)

    def event(self, doc: Any) -> Any:
        for run in self._runs.values():
            if doc["descriptor"] in run.tables:
                run.tables[doc["descriptor"]]("event", doc)
        return doc

    def stop(self, doc: Any) -> None:
        run = self._runs.pop(doc["run_start"], None)
        for table in run.tables.values() if run else ():
            table("stop", doc)


class _Table(LiveTable):
    def stop(self, doc: Any) -> None:
        """Close the table as LiveTable does, but at once: its 0.1 s of sleep would delay the next plan of a queue."""
        print(self._sep_format)
        print(self.water_mark.format(st=self._start))
        self._stop = doc


class _Run:
    def __init__(self, start: Any) -> None:
        self.start = start
        self.tables: dict[str, _Table] = {}
        dimensions = start.get("hints", {}).get("dimensions") or []
        # Columns of one stream only: dimensions in different streams give no rows that belong together.
        self.hinted = len({stream for _, stream in dimensions}) == 1
        self.dimensions: list[Any] = (
            dimensions if self.hinted else [([m], "primary") for m in start.get("motors") or ["time"]]
        )

    def describe(self, doc: Any) -> None:
        stream = doc.get("name", "primary")
        print(f"New stream: {stream!r}")
        if stream != self.dimensions[0][1]:
            return
        columns: list[str] = []
        for fields, _ in self.dimensions:
            # Without hints a dimension is a motor's name, whose fields the descriptor tells.
            columns += fields if self.hinted or fields == ["time"] else _fields(doc, fields[0])
        columns += [f for name in doc["object_keys"] for f in doc.get("hints", {}).get(name, {}).get("fields", [])]
        # LiveTable has columns of its own for time and number.
        table = _Table([c for c in dict.fromkeys(columns) if c != "time"], separator_lines=False)
        table("start", self.start)
        table("descriptor", doc)
        self.tables[doc["uid"]] = table


def _fields(doc: Any, name: str) -> list[str]:
    hinted = doc.get("hints", {}).get(name, {}).get("fields")
    return hinted if hinted is not None else doc["object_keys"].get(name, [])
