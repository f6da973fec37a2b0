"""Startup code that uses BestEffortCallback, in an installation without matplotlib."""

import sys

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import bluesky.preprocessors as bpp
import pytest
from bluesky import RunEngine
from ophyd.sim import hw

from bluesky_qs.startup.tables import LiveTables, Peaks, best_effort_callback


@pytest.fixture
def without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "bluesky.callbacks.best_effort", raising=False)


@pytest.fixture(scope="module")
def engine():
    return RunEngine({})


@pytest.fixture
def devices():
    return hw()


def test_the_callback_has_the_attributes_that_profiles_use(startup, without_matplotlib, caplog):
    namespace, _ = startup(
        {
            "00.py": """
                from bluesky.callbacks.best_effort import BestEffortCallback
                bec = BestEffortCallback(table_enabled=True, fig_factory=None)
                bec.noplot_streams.append('monitor')
                bec.overplot = False
                bec.disable_plots()
                bec.disable_baseline()
                bec.enable_baseline()
                peaks = bec.peaks

                class OurCallback(BestEffortCallback):
                    pass
                """
        }
    )
    assert isinstance(namespace["bec"], LiveTables)
    assert isinstance(namespace["peaks"], Peaks)
    assert "BestEffortCallback prints tables and draws no plots" in caplog.text


def test_missing_matplotlib_stays_missing_for_who_plots(startup, without_matplotlib):
    with pytest.raises(Exception, match=r"00\.py, line 1: ModuleNotFoundError: .*matplotlib"):
        startup({"00.py": "import matplotlib.pyplot as plt"})


def test_worker_gets_tables_even_where_there_is_matplotlib(monkeypatch):
    monkeypatch.setenv("_QSERVER_RE_WORKER_ACTIVE", "1")
    assert isinstance(best_effort_callback(), LiveTables)


def test_peak_of_a_scan_is_found(engine, devices, capsys):
    bec = LiveTables()
    engine(bp.scan([devices.det], devices.motor, -5, 5, 101), bec)
    assert bec.peaks.com["det"] == pytest.approx(0, abs=0.1)
    assert bec.peaks["max"]["det"] == (pytest.approx(0, abs=0.05), pytest.approx(1))
    assert bec.peaks["fwhm"]["det"] == pytest.approx(2.35, abs=0.1)


def test_peaks_are_those_of_the_last_scan(engine, devices):
    bec = LiveTables(table_enabled=False)
    engine(bp.scan([devices.det], devices.motor, -5, 5, 11), bec)
    engine(bp.scan([devices.det1], devices.motor1, -5, 5, 11), bec)
    assert list(bec.peaks.com) == ["det1"]
    engine(bp.count([devices.det]), bec)
    assert list(bec.peaks.com) == []
    with pytest.raises(KeyError, match="not one of com, cen"):
        bec.peaks["nonsense"]


def test_peaks_are_found_without_the_table_too(engine, devices, capsys):
    bec = LiveTables(table_enabled=False)
    bec.disable_heading()
    engine(bp.scan([devices.det], devices.motor, -1, 1, 3), bec)
    assert "det" in bec.peaks.max
    assert capsys.readouterr().out == ""


def test_baseline_is_read_at_the_start_and_at_the_end(engine, devices, capsys):
    plan = bpp.baseline_wrapper(bp.scan([devices.det], devices.motor, 1, 2, 2), [devices.motor1])
    engine(plan, LiveTables())
    out = capsys.readouterr().out
    start, table, end = (out.index(text) for text in ("Start-of-run baseline", "seq_num", "End-of-run baseline"))
    assert start < table < end
    assert out.count("motor1_setpoint") == 0
    assert out.count("                        motor1 |") == 2


def test_plan_that_hints_no_dimensions_is_shown_by_its_motors(engine, devices, capsys):
    @bpp.run_decorator(md={"motors": ["motor"]})
    def plan():
        for position in (1, 2):
            yield from bps.mv(devices.motor, position)
            yield from bps.trigger_and_read([devices.det, devices.motor])

    engine(plan(), LiveTables())
    header = next(line for line in capsys.readouterr().out.splitlines() if "seq_num" in line)
    assert [cell.strip() for cell in header.split("|")[1:-1]] == ["seq_num", "time", "motor", "det"]


def test_failure_of_the_table_does_not_end_the_plan(engine, devices, monkeypatch, capsys):
    def broken(self, doc):
        raise OSError("no console")

    monkeypatch.setattr(LiveTables, "event", broken)
    engine(bp.count([devices.det]), LiveTables())
    assert "New stream" in capsys.readouterr().out
