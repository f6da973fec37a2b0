import { expect, test, vi } from "vitest";
import type { Document, HistoryItem, Status } from "../source/source";
import { cellsOf } from "../views/grid_image";
import { lowerBound } from "../views/rows";
import { plain, spans } from "../words/ansi";
import { countSentence, ranges, reason, shownUser, withShownUsers } from "../words/results";
import { Console } from "./console";
import { FakeSource, plan } from "./fake_source";
import { Faults } from "./faults";
import { Runs } from "./runs";

const status = { plans_allowed_uid: "1", devices_allowed_uid: "1" } as Status;

function ended(uid: string, time_stop: number, more: object = {}): HistoryItem {
  const result = {
    exit_status: "completed",
    run_uids: [],
    scan_ids: [],
    time_start: 1,
    time_stop,
    msg: "",
    traceback: "",
  };
  return { ...plan(uid), result: { ...result, ...more } } as HistoryItem;
}

test("the reasons why plans cannot run are asked for once, and again when the lists have changed", async () => {
  vi.useFakeTimers();
  const source = new FakeSource();
  const faults = new Faults(source);
  source.answers.item_check = ({ items }) => ({
    results: JSON.parse(String(items)).map(({ name }: { name: string }) =>
      name === "count"
        ? { success: true, msg: "", warnings: [warning] }
        : { success: false, msg: `Plan validation failed: no ${name}` },
    ),
  });
  const items = [plan("a"), plan("b", { name: "fly" }), plan("c", { name: "fly", user_group: "other" })];
  const warning = { parameter: "detectors", value: "dett1", reason: "is no device", suggestions: ["det1"], path: [] };
  faults.look(items, status, true);
  await vi.advanceTimersByTimeAsync(1000);
  expect([...faults.reasons.value]).toEqual([["b", "no fly"]]);
  expect([...faults.doubts.value]).toEqual([["a", "'dett1' is no device (did you mean 'det1'?)"]]);
  faults.look([...items], status, true);
  await vi.advanceTimersByTimeAsync(1000);
  expect(source.asked).toEqual(["item_check"]);
  faults.look(items, { ...status, plans_allowed_uid: "2" }, true);
  await vi.advanceTimersByTimeAsync(1000);
  expect(source.asked).toEqual(["item_check", "item_check"]);
  vi.useRealTimers();
});

test("console output that was read and published is shown once, also after the connection was lost", async () => {
  vi.useFakeTimers();
  const source = new FakeSource();
  const output = new Console(source);
  source.answers.console_get = () => ({ messages: [{ time: 1, msg: "a\nb", seq: 1 }], last: 1 });
  output.begin();
  source.published("console", { time: 1, msg: "a\nb" });
  source.published("console", { time: 2, msg: "c\n" });
  source.connected("console");
  await vi.advanceTimersByTimeAsync(1000);
  expect(output.lines.value.map((line) => line.text)).toEqual(["a", "bc"]);
  source.connected("console");
  await vi.advanceTimersByTimeAsync(1000);
  source.published("console", { time: 3, msg: "d\n" });
  await vi.advanceTimersByTimeAsync(1000);
  expect(output.lines.value.map((line) => line.text)).toEqual(["a", "bc", "d"]);
  vi.useRealTimers();
});

test("a grid scan has its axes, its fields and its cells; events that come twice count once", async () => {
  vi.useFakeTimers();
  const source = new FakeSource();
  const runs = new Runs(source);
  const key = { dtype: "number", shape: [], units: "mm", precision: 3 };
  const documents: [string, object][] = [
    [
      "start",
      {
        uid: "r",
        scan_id: 7,
        shape: [2, 3],
        hints: {
          dimensions: [
            [["y"], "primary"],
            [["x"], "primary"],
          ],
        },
      },
    ],
    [
      "descriptor",
      {
        uid: "d",
        run_start: "r",
        name: "primary",
        data_keys: { x: key, y: key, det: key, image: { dtype: "array", shape: [5] } },
        object_keys: { x: ["x"], y: ["y"], det: ["det"] },
        hints: { x: { fields: ["x"] }, det: { fields: ["det"] } },
      },
    ],
    ["event", { uid: "1", descriptor: "d", seq_num: 1, data: { y: 0, x: 0, det: 5 } }],
    ["event", { uid: "2", descriptor: "d", seq_num: 2, data: { y: 1, x: 2, det: 9 } }],
    ["event", { uid: "2", descriptor: "d", seq_num: 2, data: { y: 1, x: 2, det: 9 } }],
    ["event", { uid: "3", descriptor: "other", seq_num: 1, data: {} }],
  ];
  source.answers.documents_get = () => ({
    documents: documents.map(([name, doc]) => ({ time: 1, item_uid: "i", name, doc }) as Document),
  });
  runs.begin();
  source.connected("documents");
  await vi.advanceTimersByTimeAsync(1000);
  const run = runs.runs.value[0];
  expect(run?.name).toBe("Scan 7");
  expect([run?.along, run?.read]).toEqual([["y", "x"], ["det"]]);
  expect(run?.points.length).toBe(2);
  if (!run?.grid) throw new Error("no grid");
  const { values, low, high } = cellsOf(run, "det", run.grid);
  expect([...values]).toEqual([5, Number.NaN, Number.NaN, Number.NaN, Number.NaN, 9]);
  expect([low, high]).toEqual([5, 9]);
  vi.useRealTimers();
});

test("a run with very many points keeps the first, the latest, and every few between", async () => {
  vi.useFakeTimers();
  const source = new FakeSource();
  const runs = new Runs(source);
  const document = (name: string, doc: object) => ({ time: 1, item_uid: "i", name, doc }) as Document;
  source.answers.documents_get = () => ({
    documents: [
      document("start", { uid: "r" }),
      document("descriptor", { uid: "d", run_start: "r", data_keys: { det: { dtype: "number", shape: [] } } }),
    ],
  });
  runs.begin();
  source.connected("documents");
  await vi.advanceTimersByTimeAsync(1000);
  for (let n = 1; n <= 20_000; n++) {
    source.published("documents", document("event", { uid: `${n}`, descriptor: "d", seq_num: n, data: { det: n } }));
  }
  await vi.advanceTimersByTimeAsync(1000);
  const numbers = runs.runs.value[0]?.points.map((point) => point.number) ?? [];
  expect(numbers.length).toBeLessThanOrEqual(4000);
  expect([numbers[0], numbers.at(-1)]).toEqual([1, 20_000]);
  vi.useRealTimers();
});

test("a plan with very many runs keeps the latest ones; a shape that is no grid counts as missing", async () => {
  vi.useFakeTimers();
  const source = new FakeSource();
  const runs = new Runs(source);
  const document = (name: string, doc: object) => ({ time: 1, item_uid: "i", name, doc }) as Document;
  source.answers.documents_get = () => ({ documents: [] });
  runs.begin();
  source.connected("documents");
  await vi.advanceTimersByTimeAsync(1000);
  for (let n = 1; n <= 500; n++) {
    source.published("documents", document("start", { uid: `${n}`, motors: ["y", "x"], shape: [1e6, -n] }));
    const keys = { x: { dtype: "number", shape: [] }, y: { dtype: "number", shape: [] } };
    source.published("documents", document("descriptor", { uid: `d${n}`, run_start: `${n}`, data_keys: keys }));
  }
  await vi.advanceTimersByTimeAsync(1000);
  const kept = runs.runs.value;
  expect(kept.length).toBeLessThanOrEqual(20);
  expect(kept.at(-1)?.start.uid).toBe("500");
  expect(kept.at(-1)?.grid).toBe(null);
  vi.useRealTimers();
});

test("a progress bar, which never ends its line, takes no more room", async () => {
  vi.useFakeTimers();
  const source = new FakeSource();
  const output = new Console(source);
  source.answers.console_get = () => ({ messages: [], last: 0 });
  output.begin();
  source.connected("console");
  await vi.advanceTimersByTimeAsync(1000);
  for (let n = 1; n <= 1000; n++) source.published("console", { time: n, msg: `\r${n} of 1000` });
  source.published("console", { time: 1001, msg: "\r" });
  source.published("console", { time: 1002, msg: "\ndone\n" });
  await vi.advanceTimersByTimeAsync(1000);
  expect(output.lines.value.map((line) => line.text)).toEqual(["1000 of 1000\r", "done"]);
  vi.useRealTimers();
});

test("results are told in the words of the prompt", () => {
  expect(countSentence([ended("a", 2), ended("b", 2, { exit_status: "failed" })])).toBe(
    "2 plans: 1 completed, 1 failed",
  );
  expect(ranges([1, 2, 3, 5, null, 7, 8])).toBe("1-3, 5, 7, 8");
  expect(reason(ended("a", 2, { msg: "\nValueError:\n bad value\nmore" }).result)).toBe("ValueError: bad value");
  expect(reason(ended("a", 2, { traceback: "Traceback\nKeyError: 1\n" }).result)).toBe("KeyError: 1");
});

test.each([
  ["ada", "ada"],
  ["UNAUTHENTICATED_SINGLE_USER", "the shared key"],
  ["UNAUTHENTICATED_SINGLE_USER (ada)", "ada"],
  ['jdoe "John Doe <jdoe@example.org>"', "John Doe"],
])("the user %s is shown as %s", (user, text) => {
  expect(shownUser(user)).toBe(text);
});

test.each([
  ["paused at 12:03 by UNAUTHENTICATED_SINGLE_USER (ada)", "paused at 12:03 by ada"],
  ["paused at 12:03 by UNAUTHENTICATED_SINGLE_USER", "paused at 12:03 by the shared key"],
  ["paused at 12:03 by grace, while suspended: shutter", "paused at 12:03 by grace, while suspended: shutter"],
])("the service's text %s is shown as %s", (text, shown) => {
  expect(withShownUsers(text)).toBe(shown);
});

test("colors are classes, and everything else that terminals obey is left out", () => {
  expect(spans("\x1b[1;31mred\x1b[22m thin\x1b[0m \x1b[2Kplain\x07")).toEqual([
    { text: "red", style: "ansi-bold ansi-1" },
    { text: " thin", style: "ansi-1" },
    { text: " ", style: "" },
    { text: "plain", style: "" },
  ]);
  expect(plain("10 %\r20 %\r")).toBe("20 %");
});

test("the row at a height is found", () => {
  const tops = Float64Array.from([0, 10, 30, 40]);
  expect([0, 9, 10, 29, 39, 100].map((y) => lowerBound(tops, y))).toEqual([0, 0, 1, 1, 2, 3]);
});
