import { expect, test } from "vitest";
import type { HistoryItem } from "../source/source";
import { FakeSource, plan } from "./fake_source";
import { merged, Past } from "./past";

function ended(uid: string, time_stop: number): HistoryItem {
  const result = { exit_status: "completed", run_uids: [], scan_ids: [], time_start: 1, msg: "", traceback: "" };
  return { ...plan(uid), result: { ...result, time_stop } } as HistoryItem;
}

/** A history of a service that keeps its replies until the test lets them go, in any order. */
class SlowHistory {
  readonly past: Past;
  readonly source = new FakeSource();
  items: HistoryItem[] = [];
  private readonly replies: (() => void)[] = [];

  constructor() {
    this.past = new Past(this.source);
    this.source.answers.history_get = ({ before }) => {
      const end = before ? this.items.findIndex((item) => item.item_uid === before) : this.items.length;
      const start = Math.max(end - 2, 0);
      const reply = { items: this.items.slice(start, end), positions: start < end ? [start] : [] };
      return new Promise((resolve) => this.replies.push(() => resolve(reply)));
    };
  }

  /** Deliver the replies of the requests that are under way, the last one first, until no request is left. */
  async deliver(): Promise<void> {
    await settled();
    while (this.replies.length > 0) {
      this.replies.pop()?.();
      await settled();
    }
  }

  get shown(): string {
    return this.past.items.value.map((item) => item.item_uid).join("");
  }

  happened(type: "history_cleared" | "item_ended"): void {
    this.past.take({ type, seq: 1, time: 1000 } as Parameters<Past["take"]>[0]);
  }
}

async function settled(): Promise<void> {
  for (let n = 0; n < 20; n++) await Promise.resolve();
}

async function opened(): Promise<SlowHistory> {
  const history = new SlowHistory();
  history.items = [ended("a", 1), ended("b", 2), ended("c", 3), ended("d", 4)];
  history.past.begin();
  await history.deliver();
  expect(history.shown).toBe("dc");
  return history;
}

test("older pages follow the newest one", async () => {
  const history = await opened();
  expect(history.past.hasOlder.value).toBe(true);
  history.past.older();
  await history.deliver();
  expect(history.shown).toBe("dcba");
  expect(history.past.hasOlder.value).toBe(false);
  expect(history.past.isReading.value).toBe(false);
});

test("a plan that ends while an older page is read is shown", async () => {
  const history = await opened();
  history.past.older();
  await settled();
  history.items.push(ended("e", 5));
  history.happened("item_ended");
  await history.deliver();
  expect(history.shown).toBe("edcba");
});

test("a history that is cleared while an older page is read stays empty", async () => {
  const history = await opened();
  history.past.older();
  await settled();
  history.items = [];
  history.happened("history_cleared");
  await history.deliver();
  expect(history.shown).toBe("");
  expect(history.past.hasOlder.value).toBe(false);
});

test("an older page that is late does not leave a gap after the history was read again", async () => {
  const history = await opened();
  history.past.older();
  await settled();
  history.items.push(ended("e", 5), ended("f", 6), ended("g", 7));
  history.past.again();
  await history.deliver();
  expect(history.shown).toBe("gf");
  expect(history.past.hasOlder.value).toBe(true);
  history.past.older();
  await history.deliver();
  expect(history.shown).toBe("gfed");
});

test("a plan that ends while the first page is read is shown", async () => {
  const history = new SlowHistory();
  history.items = [ended("a", 1)];
  history.past.begin();
  await settled();
  history.items.push(ended("b", 2));
  history.happened("item_ended");
  await history.deliver();
  expect(history.shown).toBe("ba");
});

test("many plans that end at once need two requests", async () => {
  const history = await opened();
  const before = history.source.asked.length;
  for (let n = 0; n < 100; n++) history.happened("item_ended");
  await settled();
  for (let n = 0; n < 100; n++) history.happened("item_ended");
  await history.deliver();
  expect(history.source.asked.length - before).toBe(2);
});

test("a page that cannot be read has a reason, and the next one is read all the same", async () => {
  const history = await opened();
  const { history_get } = history.source.answers;
  history.source.answers.history_get = () => {
    throw new Error("no answer");
  };
  history.past.older();
  await history.deliver();
  expect(history.past.problem.value).toBe("no answer");
  expect(history.past.isReading.value).toBe(false);
  Object.assign(history.source.answers, { history_get });
  history.past.older();
  await history.deliver();
  expect([history.shown, history.past.problem.value]).toEqual(["dcba", ""]);
});

test("pages of the history are joined, newest first", () => {
  const found = merged([ended("c", 30), ended("b", 20)], [ended("a", 10), ended("b", 20)]);
  expect(found.map((item) => item.item_uid)).toEqual(["c", "b", "a"]);
});
