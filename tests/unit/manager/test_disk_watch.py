"""The log warns once when the disk of the queue is nearly full, and says when there is space again."""

import asyncio
from pathlib import Path

import pytest

from bluesky_qs.manager.loop.disk_watch import watch_disk
from bluesky_qs.store.disk import Space, space_of

ENOUGH, LITTLE = Space(10**11, 10**12), Space(300_000_000, 10**12)


async def watched(*spaces):
    """Watch until all of these have been seen."""
    left = list(spaces)
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def look(folder):
        assert folder == Path("/queue")
        if len(left) == 1:
            loop.call_soon_threadsafe(done.set)
        space = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(space, OSError):
            raise space
        return space

    watching = asyncio.create_task(watch_disk(Path("/queue"), look, 0.0))
    await done.wait()
    watching.cancel()


async def test_each_change_is_logged_once(caplog):
    caplog.set_level("INFO")
    await watched(ENOUGH, LITTLE, LITTLE, OSError("stale file handle"), LITTLE, ENOUGH, LITTLE, ENOUGH, ENOUGH)
    texts = [record.getMessage() for record in caplog.records if record.levelname != "DEBUG"]
    assert [text[:12] for text in texts] == ["Only 300 MB ", "The disk tha", "Only 300 MB ", "The disk tha"]
    assert "Delete files there" in texts[0]


async def test_enough_space_is_no_news(caplog):
    caplog.set_level("INFO")
    await watched(ENOUGH, ENOUGH)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("total", "free", "low", "full"),
    [
        (10**12, 10**11, False, False),
        (10**12, 499_000_000, True, False),
        (10**9, 49_000_000, True, False),  # 5 % of a small disk
        (10**9, 60_000_000, False, False),
        (10**12, 10_000_000, True, True),
        (10**8, 10_000_000, True, True),
    ],
)
def test_little_space_is_500_mb_or_5_percent(total, free, low, full):
    space = Space(free, total)
    assert (space.is_low, space.is_full) == (low, full)


def test_a_folder_that_is_made_later_is_on_the_disk_of_the_one_above(tmp_path):
    assert space_of(tmp_path / "later" / "still").total == space_of(tmp_path).total > 0
