import { expect, test } from "vitest";
import type { HistoryItem, ServiceEvent } from "../source/source";
import { barsOf, gapsOf, lastShift, moved, pausesOf, ticksOf, whole, zoomed } from "./timeline";
import { Zone } from "./times";

const ran = (time_start: number | null, time_stop: number | null) =>
  ({ item_uid: `${time_start}`, result: { exit_status: "completed", time_start, time_stop } }) as HistoryItem;

test("bars are in the order of their times, and plans without times have none", () => {
  const bars = barsOf([ran(200, 300), ran(null, null), ran(10, 20)]);
  expect(bars.map(({ from, to }) => [from, to])).toEqual([
    [10, 20],
    [200, 300],
  ]);
  expect(gapsOf(bars)).toEqual([{ from: 20, to: 200 }]);
  expect(whole(bars)).toEqual({ from: 10 - 5.8, to: 300 + 5.8 });
  expect(whole([])).toBeNull();
});

test("the last shift is shown at first", () => {
  expect(lastShift({ from: 0, to: 100_000 })).toEqual({ from: 71_200, to: 100_000 });
  expect(lastShift({ from: 90_000, to: 100_000 })).toEqual({ from: 90_000, to: 100_000 });
});

test("a zoom keeps the moment under it, and stays inside of all there is", () => {
  const all = { from: 0, to: 100 };
  expect(zoomed(all, 0.5, 20, all)).toEqual({ from: 10, to: 60 });
  expect(zoomed({ from: 10, to: 60 }, 4, 20, all)).toEqual(all);
  expect(zoomed(all, 0.001, 0, all)).toEqual({ from: 0, to: 0.2 });
  expect(moved({ from: 10, to: 60 }, 0.5, all)).toEqual({ from: 35, to: 85 });
  expect(moved({ from: 10, to: 60 }, -0.5, all)).toEqual({ from: 0, to: 50 });
});

test("a pause lasts until the state changes again", () => {
  const event = (time: number, manager_state: string) =>
    ({ seq: time, time, type: "environment_changed", manager_state }) as ServiceEvent;
  const events = [event(1, "executing_queue"), event(5, "paused"), event(6, "paused"), event(9, "executing_queue")];
  expect(pausesOf([...events, event(20, "paused")])).toEqual([{ from: 5, to: 9 }]);
});

test("ticks are round times of the beamline", () => {
  expect(ticksOf({ from: 3000, to: 16_000 }, new Zone(1800))).toEqual({ times: [5400, 9000, 12_600], step: 3600 });
});
