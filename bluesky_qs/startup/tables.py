"""Prints the tables and statistics of BestEffortCallback, without plots and without matplotlib."""

import importlib.util
import logging
import time
from typing import Any

from bluesky.callbacks import CallbackBase, LiveTable
from bluesky.callbacks.core import make_class_safe
from bluesky.callbacks.fitting import PeakStats

from bluesky_qs.documents import Dimensions, data_keys, hinted_fields, is_number
from bluesky_qs.startup.where import is_re_worker_active

log = logging.getLogger(__name__)


def best_effort_callback() -> Any:
    """Return a BestEffortCallback, or `LiveTables` in a worker or without matplotlib."""
    if is_re_worker_active() or importlib.util.find_spec("matplotlib") is None:
        return LiveTables()
    from bluesky.callbacks.best_effort import BestEffortCallback  # noqa: PLC0415 - takes half a second

    return BestEffortCallback()


# An error in the callback must not end the plan.
@make_class_safe(logger=log)
class LiveTables(CallbackBase):
    """Print a heading and a table of the hinted fields for every run, even if several runs are open.

    This class has the parameters, methods and attributes of BestEffortCallback. Plot settings have no effect.

    Attributes
    ----------
    peaks
        The last scan along one motor: ``peaks["com"]["det"]`` or ``peaks.com["det"]``; also ``cen``, ``max``,
        ``min``, ``fwhm``.
    """

    def __init__(self, *, table_enabled: bool = True, **_plot_settings: Any) -> None:
        super().__init__()
        self.peaks = Peaks()
        self.overplot = True
        self.omit_single_point_plot = True
        self.noplot_streams = ["baseline"]
        self._runs: dict[str, _Run] = {}
        self._heading = self._baseline = True
        self._table = table_enabled

    def enable_heading(self) -> None:
        """Print a run's time and identifiers when it starts, and a line when it ends."""
        self._heading = True

    def disable_heading(self) -> None:
        """Undo `enable_heading`."""
        self._heading = False

    def enable_table(self) -> None:
        """Print the readings of the plan's stream."""
        self._table = True

    def disable_table(self) -> None:
        """Undo `enable_table`."""
        self._table = False

    def enable_baseline(self) -> None:
        """Print the baseline readings at the start and end of a run."""
        self._baseline = True

    def disable_baseline(self) -> None:
        """Undo `enable_baseline`."""
        self._baseline = False

    def enable_plots(self) -> None:
        """Print why there are no plots."""
        print("Plots need matplotlib and a session with a display; only tables are printed")

    def disable_plots(self) -> None:
        """Do nothing: there are no plots."""

    def start(self, doc: Any) -> None:
        self._runs[doc["uid"]] = _Run(doc, table=self._table, baseline=self._baseline)
        if self._heading:
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(doc["time"]))
            print(f"\n\nTransient Scan ID: {doc.get('scan_id', '')}     Time: {when}")
            print(f"Persistent Unique Scan ID: {doc['uid']!r}")

    def descriptor(self, doc: Any) -> None:
        run = self._runs.get(doc["run_start"])
        if run is not None:
            run.describe(doc)

    def event(self, doc: Any) -> Any:
        for run in self._runs.values():
            run.event(doc)
        return doc

    def stop(self, doc: Any) -> None:
        run = self._runs.pop(doc["run_start"], None)
        if run is not None:
            if self._heading:
                print(f"Run was closed: {doc['run_start']!r}")
            run.stop(doc)
            self.peaks.take(run.peaks)


class Peaks:
    """Statistics of the last scan along one motor, by statistic and field."""

    STATISTICS = ("com", "cen", "max", "min", "fwhm")

    def __init__(self) -> None:
        self.com: dict[str, Any] = {}
        self.cen: dict[str, Any] = {}
        self.max: dict[str, Any] = {}
        self.min: dict[str, Any] = {}
        self.fwhm: dict[str, Any] = {}

    def __getitem__(self, statistic: str) -> dict[str, Any]:
        if statistic not in self.STATISTICS:
            raise KeyError(f"{statistic!r} is not one of {', '.join(self.STATISTICS)}")
        return getattr(self, statistic)

    def __repr__(self) -> str:
        return repr({statistic: self[statistic] for statistic in self.STATISTICS})

    def take(self, found: list[PeakStats]) -> None:
        for statistic in self.STATISTICS:
            of_run = {str(one.y): getattr(one, statistic) for one in found}
            self[statistic].clear()
            self[statistic].update(of_run)


class _Table(LiveTable):
    def stop(self, doc: Any) -> None:
        """Close the table without LiveTable's sleep of 0.1 s, which would delay the next plan in the queue."""
        print(self._sep_format)
        print(self.water_mark.format(st=self._start))
        self._stop = doc


class _Run:
    """The tables and statistics of one run."""

    def __init__(self, start: Any, *, table: bool, baseline: bool) -> None:
        self.peaks: list[PeakStats] = []
        self._start = start
        self._tables: dict[str, _Table] = {}
        self._table = table
        self._with_baseline = baseline
        self._baselines: dict[str, list[str]] = {}
        self._at_end: list[str] | None = None
        self._dimensions = Dimensions(start)

    def describe(self, doc: Any) -> None:
        stream = doc.get("name", "primary")
        if self._table:
            print(f"New stream: {stream!r}")
        if stream == "baseline":
            self._baselines[doc["uid"]] = hinted_fields(doc)
        elif stream == self._dimensions.stream:
            self._show(doc)

    def event(self, doc: Any) -> None:
        uid = doc["descriptor"]
        if uid in self._tables:
            self._tables[uid]("event", doc)
        if uid in self._baselines and self._with_baseline:
            self._read_baseline(doc, self._baselines[uid])
        for one in self.peaks:
            one("event", doc)

    def stop(self, doc: Any) -> None:
        for table in self._tables.values():
            table("stop", doc)
        for one in self.peaks:
            one("stop", doc)
        if self._at_end:
            print("\n".join(self._at_end))

    def _show(self, doc: Any) -> None:
        along, read = self._dimensions.fields(doc)
        if self._table:
            # LiveTable already has columns for the time and the number.
            table = _Table([*along, *read], separator_lines=False)
            table("start", self._start)
            table("descriptor", doc)
            self._tables[doc["uid"]] = table
        keys = data_keys(doc)
        if self._dimensions.count == 1 and along:
            self.peaks = [PeakStats(along[0], field) for field in read if is_number(keys[field])]
            for one in self.peaks:
                one("start", self._start)
                one("descriptor", doc)

    def _read_baseline(self, doc: Any, fields: list[str]) -> None:
        """Print the first reading now and the last reading at the end."""
        border = f"+{'-' * 32}+{'-' * 32}+"
        rows = [f"| {field:>30} | {doc['data'][field]:<30} |" for field in fields]
        if self._at_end is None:
            print("\n".join(["Start-of-run baseline readings:", border, *rows, border]))
            self._at_end = []
        else:
            self._at_end = ["End-of-run baseline readings:", border, *rows, border]
