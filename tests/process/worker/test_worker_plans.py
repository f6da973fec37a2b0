"""Plans in a real worker process."""

PLANS = """
import bluesky.plan_stubs as bps

def empty():
    yield from bps.null()

def one_run(md=None):
    yield from bps.open_run(md or {})
    yield from bps.close_run()
"""


async def test_a_plan_runs_and_its_end_is_reported(worker):
    driver = worker(PLANS)
    await driver.open()
    done = await driver.run("one_run", uid="abc")
    assert (done.item_uid, done.exit_status, done.message, done.traceback) == ("abc", "completed", "", "")
    assert len(done.run_uids) == 1
    assert done.scan_ids == [1]
    assert done.time_start <= done.time_stop
    assert (done.state.environment, done.state.engine, done.state.item_uid) == ("idle", "idle", None)
