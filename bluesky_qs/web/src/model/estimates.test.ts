import { beforeEach, expect, test, vi } from "vitest";
import type { Status } from "../source/source";
import { Estimates } from "./estimates";
import { FakeSource, plan } from "./fake_source";

const status = { estimates_uid: "1", running_item_uid: null, plan_queue_mode: { loop: false } } as Status;
const items = ["a", "b", "c"].map((uid) => plan(uid));
let source: FakeSource;
let estimates: Estimates;
let asked: string[];

beforeEach(() => {
  vi.useFakeTimers();
  source = new FakeSource();
  estimates = new Estimates(source);
  asked = [];
  source.answers.estimates_get = ({ uids }) => {
    const list = uids as string[];
    asked.push(list.join(" "));
    return {
      estimates: Object.fromEntries(list.map((uid) => [uid, { seconds: 5 }])),
      queue: { seconds: 15 },
      estimates_uid: "1",
    };
  };
  return () => {
    estimates.close();
    vi.useRealTimers();
  };
});

test("only what is seen is asked for, and only after a change", async () => {
  estimates.look(items, status);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(asked).toEqual([]);
  estimates.want(["a", "b"]);
  await vi.advanceTimersByTimeAsync(1000);
  expect(asked).toEqual(["a b"]);
  expect([...estimates.items.value.keys(), estimates.queue.value?.seconds]).toEqual(["a", "b", 15]);
  estimates.want(["a", "b"]);
  estimates.look(items, status);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toEqual(["a b"]);
  estimates.look(items, { ...status, estimates_uid: "2" });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toEqual(["a b", "a b"]);
});

test("after a change of the queue they are asked for again later, because the service makes them a moment after it", async () => {
  estimates.want(["a", "b", "c"]);
  estimates.look(items, status);
  await vi.advanceTimersByTimeAsync(60_000);
  asked = [];
  estimates.look(items.slice(1), status);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toEqual(["b c", "b c", "b c"]);
});

test("estimates of rows that were seen long ago are dropped, but never those of rows that are seen", async () => {
  const many = Array.from({ length: 400 }, (_, at) => plan(`u${at}`));
  estimates.look(many, status);
  for (let first = 0; first < 400; first += 10) {
    estimates.want(["u0", ...many.slice(first, first + 10).map((item) => item.item_uid)]);
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(estimates.items.value.size).toBe(300);
  expect([estimates.items.value.has("u0"), estimates.items.value.has("u50")]).toEqual([true, false]);
});

test("nobody looks, nothing is asked", async () => {
  estimates.want(["a"]);
  estimates.look(items, status);
  estimates.want(null);
  estimates.look([...items], { ...status, estimates_uid: "3" });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toEqual([]);
});
