import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { HistoryItem, Item } from "../source/source";
import { FakeSource, plan } from "./fake_source";
import { ItemPage } from "./item_page";

let source: FakeSource;
let page: ItemPage | null;

beforeEach(() => {
  source = new FakeSource();
  source.answers.estimates_get = () => ({ estimates: {} });
  source.answers.documents_get = () => ({ documents: [], item_uid: "a", before: null, missing: 0 });
  source.answers.console_get = () => ({ messages: [], last: 0 });
});

afterEach(() => page?.close());

function open(uid: string, find: (uid: string) => Item | null = () => null): ItemPage {
  page = new ItemPage(uid, { source, find, closed: () => {} });
  return page;
}

const result = { exit_status: "failed", run_uids: [], scan_ids: [7], time_start: 100.25, time_stop: 110 };
const past = { ...plan("a"), result } as unknown as HistoryItem;
const hasEnded = () => ({ status: { state: "failed", result, times: {} } });

test("an item of the history is found by the time of its start", async () => {
  source.answers.item_status = hasEnded;
  source.answers.history_get = ({ since, until }) => ({ items: since === 100.25 && until === 100.25 ? [past] : [] });
  const { item, state } = open("a");
  await vi.waitFor(() => expect(item.value).toEqual(past));
  expect(state.value?.state).toBe("failed");
});

test("an item of the queue follows its edits, and stays when it is removed", async () => {
  source.queue = [plan("a")];
  const { item, state } = open("a");
  await vi.waitFor(() => expect(item.value?.kwargs).toBeUndefined());
  source.queue = [plan("a", { kwargs: { num: 3 } })];
  page?.take({ type: "queue_changed", seq: 1, time: 1, put: ["a"], change: "edit" });
  await vi.waitFor(() => expect(item.value?.kwargs).toEqual({ num: 3 }));
  source.queue = [];
  source.answers.item_status = () => ({ status: { state: "removed", times: {} } });
  page?.take({ type: "queue_changed", seq: 2, time: 2, dropped: ["a"], change: "removal" });
  await vi.waitFor(() => expect(state.value?.state).toBe("removed"));
  expect(item.value?.kwargs).toEqual({ num: 3 });
  expect(page?.events.value.map(({ seq }) => seq)).toEqual([1, 2]);
});

test("the output grows while the item prints, and nothing is read twice", async () => {
  const printed = ["one\ntw", "o\nthr"].map((msg, at) => ({ seq: at + 1, time: 1, msg }));
  source.answers.item_status = () => ({ status: { state: "running", times: { running: 1 } } });
  source.answers.console_get = ({ since }) => {
    const messages = printed.filter(({ seq }) => seq > (since as number));
    return { messages, last: printed.length };
  };
  const { log } = open("a", () => plan("a"));
  const lines = () => log.lines.value.map(({ text }) => text);
  await vi.waitFor(() => expect(lines()).toEqual(["one", "two", "thr"]));
  printed.push({ seq: 3, time: 2, msg: "ee\n" });
  source.published("console", { time: 2, msg: "ee\n" });
  await vi.waitFor(() => expect(lines()).toEqual(["one", "two", "three"]));
  expect(log.text).toBe("one\ntwo\nthree\n");
});

test("the data of a long run come in pages, and those of other items are left out", async () => {
  const start = { time: 1, item_uid: "a", name: "start", doc: { uid: "r", scan_id: 3 } };
  const keys = { data_keys: { det: { dtype: "number", shape: [] } }, object_keys: { det: ["det"] } };
  const descriptor = { time: 1, item_uid: "a", name: "descriptor", doc: { uid: "d", run_start: "r", ...keys } };
  const event = (seq_num: number, item_uid = "a") => ({
    time: 1,
    item_uid,
    name: "event",
    doc: { uid: `e${seq_num}`, descriptor: "d", seq_num, data: { det: seq_num }, time: 1 },
  });
  source.answers.item_status = () => ({ status: { state: "running", times: {} } });
  source.answers.documents_get = ({ before }) =>
    before === undefined
      ? { documents: [start, descriptor, event(2)], item_uid: "a", before: 9, missing: 0 }
      : { documents: [start, descriptor, event(1)], item_uid: "a", before: null, missing: 0 };
  const { runs } = open("a", () => plan("a"));
  await vi.waitFor(() => expect(source.asked).toContain("item_status"));
  await vi.waitFor(() => {
    source.connected("documents");
    expect(runs.runs.value).toHaveLength(1);
  });
  source.published("documents", event(3, "other"));
  source.published("documents", event(3));
  await vi.waitFor(() => expect(runs.runs.value[0]?.points.map(({ number }) => number)).toEqual([1, 2, 3]));
});

test("why an item cannot be read is said", async () => {
  source.answers.item_status = () => {
    throw new Error("The server does not answer.");
  };
  const { problem } = open("a");
  await vi.waitFor(() => expect(problem.value).toBe("The server does not answer."));
});
