import { expect, test, vi } from "vitest";
import type { HistoryItem } from "../source/source";
import { FakeSource, plan } from "./fake_source";
import { Past, readAll } from "./past";

const ended = (number: number) =>
  ({ ...plan(`u${number}`), result: { exit_status: "completed", time_stop: number } }) as unknown as HistoryItem;
const everything = Array.from({ length: 2500 }, (_, at) => ended(at));

function answer(source: FakeSource, items: readonly HistoryItem[]): void {
  source.answers.history_get = ({ limit, before }) => {
    const end = before === undefined ? items.length : items.findIndex((item) => item.item_uid === before);
    const start = Math.max(end - (limit as number), 0);
    return { items: items.slice(start, end), positions: items.slice(start, end).map((_, at) => start + at + 1000) };
  };
}

test("all pages are read, oldest first", async () => {
  const source = new FakeSource();
  answer(source, everything);
  expect(await readAll(source, {})).toEqual(everything);
  expect(source.asked).toEqual(["history_get", "history_get", "history_get"]);
});

test("a selection has older items only if its page is full", async () => {
  const source = new FakeSource();
  answer(source, everything.slice(0, 60));
  const past = new Past(source, { name: "count" });
  past.begin();
  await vi.waitFor(() => expect(past.items.value).toHaveLength(50));
  expect(past.hasOlder.value).toBe(true);
  await vi.waitFor(() => expect(past.isReading.value).toBe(false));
  past.older();
  await vi.waitFor(() => expect(past.items.value).toHaveLength(60));
  expect(past.hasOlder.value).toBe(false);
});

test("plans that end push out the oldest ones, which can be shown again", async () => {
  const source = new FakeSource();
  const past = new Past(source);
  const end = async (count: number) => {
    answer(source, everything.slice(0, count));
    past.take({ type: "item_ended", seq: count, time: 1000 } as Parameters<Past["take"]>[0]);
    await vi.waitFor(() => expect(past.items.value[0]).toEqual(everything[count - 1]));
  };
  answer(source, everything.slice(0, 40));
  past.begin();
  for (let count = 40; count <= 400; count += 40) await end(count);
  expect(past.items.value).toHaveLength(300);
  expect(past.hasOlder.value).toBe(true);
  past.older();
  await vi.waitFor(() => expect(past.items.value).toHaveLength(350));
  await end(410);
  expect(past.items.value).toEqual(everything.slice(60, 410).reverse()); // nothing that the user has asked for is missing
});

test("a search says that the index is not complete yet", async () => {
  const source = new FakeSource();
  source.answers.history_get = () => ({ items: [], positions: [], index_complete: false });
  const past = new Past(source, { search: "foil" });
  past.begin();
  await vi.waitFor(() => expect(past.isIncomplete.value).toBe(true));
});
