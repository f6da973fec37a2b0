import { beforeEach, expect, test, vi } from "vitest";
import { Forbidden } from "../source/source";
import { FakeSource, plan } from "./fake_source";
import { Queue } from "./queue";

let source: FakeSource;
let queue: Queue;

const shown = () => queue.items.value.map((item) => item.item_uid).join(" ");
const reads = () => source.asked.filter((method) => method === "queue_get").length;

beforeEach(async () => {
  source = new FakeSource();
  source.queue = ["a", "b", "c"].map((uid) => plan(uid));
  queue = new Queue(source, () => {});
  await vi.waitFor(() => expect(shown()).toBe("a b c"));
  await vi.waitFor(() => expect(queue.isRead.value).toBe(true));
  return () => queue.close();
});

test("an item that is added stands at its place, without reading the queue again", async () => {
  source.queue.splice(1, 0, plan("d"));
  source.happened({ type: "queue_changed", put: ["d"] });
  await vi.waitFor(() => expect(shown()).toBe("a d b c"));
  expect(reads()).toBe(1);
});

test("two changes of which the second has happened before the first is handled end in the right order", async () => {
  source.queue = [plan("e"), plan("d"), ...source.queue];
  source.happened({ type: "queue_changed", put: ["d"] });
  await vi.waitFor(() => expect(shown()).toContain("d"));
  source.happened({ type: "queue_changed", put: ["e"] });
  await vi.waitFor(() => expect(shown()).toBe("e d a b c"));
});

test("what is dropped leaves at once, and an item that starts is the running one", async () => {
  source.happened({ type: "queue_changed", dropped: ["a"] });
  source.happened({ type: "item_started", item_uid: "a" });
  await vi.waitFor(() => expect(queue.running.value?.item_uid).toBe("a"));
  expect(shown()).toBe("b c");
  expect(queue.running.value?.properties?.time_start).toBe(1000);
  source.happened({ type: "item_ended", item_uid: "a", exit_status: "completed" });
  await vi.waitFor(() => expect(queue.running.value).toBe(null));
  expect(reads()).toBe(1);
});

test("an item that has started before it was seen in the queue is read at once", async () => {
  const running = { ...plan("d"), properties: {} };
  source.answers.queue_get = () => ({ items: source.queue, running_item: running, plan_queue_uid: "" });
  source.happened({ type: "queue_changed", put: ["d"] });
  source.happened({ type: "queue_changed", dropped: ["d"] });
  source.happened({ type: "item_started", item_uid: "d" });
  source.happened({ type: "environment_changed" });
  await vi.waitFor(() => expect(queue.running.value?.item_uid).toBe("d"));
  expect(shown()).toBe("a b c");
});

test("an edited item is another one at the same place", async () => {
  source.queue[1] = plan("b", { kwargs: { num: 5 } });
  source.happened({ type: "queue_changed", put: ["b"], change: "edit" });
  await vi.waitFor(() => expect(queue.items.value[1]?.kwargs).toEqual({ num: 5 }));
  expect(shown()).toBe("a b c");
});

test("a cleared queue is empty", async () => {
  source.queue = [];
  source.happened({ type: "queue_changed", cleared: true, dropped_count: 3 });
  await vi.waitFor(() => expect(shown()).toBe(""));
});

test("a change of many items, and a gap, let the queue be read again", async () => {
  source.queue = [...source.queue].reverse();
  source.happened({ type: "queue_changed", put_count: 100 });
  await vi.waitFor(() => expect(shown()).toBe("c b a"));
  source.queue = [plan("z")];
  source.gap();
  await vi.waitFor(() => expect(shown()).toBe("z"));
});

test("an item that has left before it could be read is not shown", async () => {
  source.happened({ type: "queue_changed", put: ["gone"] });
  source.happened({ type: "queue_changed", dropped: ["gone", "c"] });
  await vi.waitFor(() => expect(shown()).toBe("a b"));
});

test("a service that does not answer is asked again until it does", async () => {
  vi.useFakeTimers();
  const answer = source.answers.queue_item_get;
  source.answers.queue_item_get = () => {
    throw new Error("no answer");
  };
  source.queue.push(plan("d"));
  source.happened({ type: "queue_changed", put: ["d"] });
  await vi.advanceTimersByTimeAsync(100);
  expect(shown()).toBe("a b c");
  source.answers.queue_item_get = answer as NonNullable<typeof answer>;
  await vi.advanceTimersByTimeAsync(2000);
  expect(shown()).toBe("a b c d");
  vi.useRealTimers();
});

test("somebody who may not read the queue is told so, and it is not asked for again", async () => {
  vi.useFakeTimers();
  const closed = new FakeSource();
  closed.answers.queue_get = () => {
    throw new Forbidden("Not enough permissions.");
  };
  const forbidden = new Queue(closed, () => {});
  await vi.advanceTimersByTimeAsync(10_000);
  expect(forbidden.problem.value).toBe("Not enough permissions.");
  expect(closed.asked).toEqual(["events_get", "queue_get"]);
  vi.useRealTimers();
});
