"""A power cut at any moment: all changes that were acknowledged are in the store when it is opened again.

System calls of the store are recorded while it makes changes. For many random moments they are repeated up to there,
without some of the writes after the last sync of each file; the store must open the result and find all that had been
acknowledged. ``POWER_CUTS=500`` sets the number of moments.
"""

import os
import random
import shutil
import sys
from pathlib import Path

import pytest

from bluesky_qs.errors import StoreError
from bluesky_qs.store.sqlite import SQLiteStore
from tests.contract.power_cut import changes
from tests.contract.power_cut.disk import Disk
from tests.contract.power_cut.recording import Step, may_record, record
from tests.system_packages import needs

pytestmark = needs("strace")

CUTS = int(os.environ.get("POWER_CUTS", "100"))
CHANGES = 200


@pytest.fixture(scope="module", autouse=True)
def _can_record(tmp_path_factory):
    if not may_record(tmp_path_factory.mktemp("strace") / "log"):
        pytest.skip("this system does not let a process trace another one")


def recorded(folder: Path, synchronous: str) -> list[Step]:
    """What the store does with the disk while it makes the changes."""
    files = folder / "store"
    files.mkdir()
    code = [sys.executable, changes.__file__, str(files / "queue.sqlite3"), str(CHANGES), synchronous]
    steps = record(code, files, folder / "log")
    (folder / "log").unlink()
    assert sum(step.kind == "line" for step in steps) == 2 * CHANGES + 1
    return steps


async def found_after_power_cuts(folder: Path, steps: list[Step], cuts: int) -> list[str]:
    """Lose power at random moments; return what was wrong afterwards."""
    rng = random.Random(18)
    first = next(number for number, step in enumerate(steps) if step.kind == "line")
    moments = sorted(rng.sample(range(first + 1, len(steps)), cuts))
    disk, at, expected, wrong = Disk(), 0, [""], []
    for number, moment in enumerate(moments):
        for step in steps[at:moment]:
            if step.kind == "line":
                word, _, digest = step.data.decode().split()
                expected = [digest] if word == "acknowledged" else [*expected, digest]
            else:
                disk.do(step)
        at = moment
        there = folder / f"cut{number}"
        there.mkdir()
        disk.lose_power(there, rng)
        wrong += [f"after step {moment}: {fault}" for fault in await _faults(there / "queue.sqlite3", expected)]
        shutil.rmtree(there)
    return wrong


async def _faults(path: Path, expected: list[str]) -> list[str]:
    """What a service would find wrong that starts with this file."""
    store = SQLiteStore(path)
    try:
        await store.open()
        try:
            return [] if await changes.digest(store) in expected else ["acknowledged changes are missing"]
        finally:
            await store.close()
    except StoreError as error:
        return [error.message]


async def test_a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged(tmp_path):
    steps = recorded(tmp_path, "as the product")
    assert sum(step.kind == "sync" for step in steps) > CHANGES
    assert await found_after_power_cuts(tmp_path, steps, CUTS) == []


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
async def test_a_store_that_waits_less_for_the_disk_does_not_pass_this_test(tmp_path, synchronous):
    wrong = await found_after_power_cuts(tmp_path, recorded(tmp_path, synchronous), 20)
    assert any("acknowledged changes are missing" in fault for fault in wrong)
