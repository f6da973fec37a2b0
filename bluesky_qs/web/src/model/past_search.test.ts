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

test("a search says that the index is not complete yet", async () => {
  const source = new FakeSource();
  source.answers.history_get = () => ({ items: [], positions: [], index_complete: false });
  const past = new Past(source, { search: "foil" });
  past.begin();
  await vi.waitFor(() => expect(past.isIncomplete.value).toBe(true));
});
