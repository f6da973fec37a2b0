"""Measure the cost of estimates while items are added: 1000 requests to a manager in this process, with and without
estimates.

Run ``python bench/adding_with_estimates.py [ROUNDS]``. The environment is open, and a scripted worker walks the plans.
The store is in memory, so the estimates take a larger share than in a service. All times are processor times.
"""

import asyncio
import statistics
import sys
import time

from bluesky_qs.manager.estimates.foresight import Foresight
from bluesky_qs.testing import AsyncManager

ITEMS, LIMIT = 1000, 1.1


async def adding():
    """Processor seconds for adding the items, one per request, and for the estimates afterward."""
    async with AsyncManager() as manager:
        await manager.open()
        begin = time.process_time()
        for number in range(ITEMS):
            await manager.add("scan", ["det1"], "motor", 0, number, 11)
        added = time.process_time()
        return added - begin


async def estimated():
    """Processor seconds from the request that adds all items until every item has an estimate."""
    async with AsyncManager() as manager:
        await manager.open()
        item = {"item_type": "plan", "name": "scan"}
        items = [item | {"args": [["det1"], "motor", 0, number, 11]} for number in range(ITEMS)]
        await manager.do("queue_item_add_batch", items=items, user="bench", user_group="primary")
        begin = time.process_time()
        while True:
            found = (await manager.do("estimates_get"))["estimates"]
            if not any(each["reason"].endswith("estimated yet") for each in found.values()):
                return time.process_time() - begin
            await asyncio.sleep(0.5)


async def without_estimates(_self):
    """Stands for `Foresight.live`: nothing is estimated."""
    await asyncio.Event().wait()


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    live, ratios, times = Foresight.live, [], []
    for _ in range(rounds):
        Foresight.live = without_estimates
        without = asyncio.run(adding())
        Foresight.live = live
        with_estimates = asyncio.run(adding())
        ratios.append(with_estimates / without)
        times.append(without)
    ratio = statistics.median(ratios)
    mark = "" if ratio <= LIMIT else f"  more than {LIMIT}"
    print(
        f"adding {ITEMS} items with estimates: {ratio:.2f} of the time without ({statistics.median(times):.2f} s){mark}"
    )
    print(f"estimating {ITEMS} items: {asyncio.run(estimated()):.2f} s of processor time, with the scripted worker")


if __name__ == "__main__":
    main()
