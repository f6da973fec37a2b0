import { expect, test } from "vitest";
import type { HistoryItem } from "../source/source";
import { asCsv, asJson, asLines } from "./export";
import { Zone } from "./times";

const DEVICES = new Set(["det1"]);
const item = (more: object, result: object = {}) =>
  ({
    item_type: "plan",
    name: "count",
    args: [["det1"]],
    item_uid: "u",
    user: 'ada "Ada Lovelace"',
    ...more,
    result: { exit_status: "completed", time_start: 0, time_stop: 0, scan_ids: [], run_uids: [], msg: "", ...result },
  }) as unknown as HistoryItem;

test("CSV has a line for each plan and a column for each key of metadata", () => {
  const items = [
    item(
      { meta: { sample: "Cu, foil" } },
      { time_start: 3600, time_stop: 3601.5, scan_ids: [1, 2], run_uids: ["a", "b"] },
    ),
    item({ meta: { temperature: 180 } }, { exit_status: "failed", msg: 'No "beam"' }),
  ];
  expect(asCsv(items, DEVICES, new Zone(0)).split("\r\n")).toEqual([
    "started,ended,seconds,exit_status,plan,scan_ids,user,message,run_uids,md.sample,md.temperature",
    '1970-01-01 01:00:00,1970-01-01 01:00:01,1.500,completed,count([det1]),"1, 2",Ada Lovelace,,a b,"Cu, foil",',
    ',,,failed,count([det1]),,Ada Lovelace,"No ""beam""",,,180',
    "",
  ]);
});

test("a spreadsheet program does not take a text for a formula", () => {
  const csv = asCsv([item({ meta: { a: "=1+1", b: -5, c: "@x" } })], DEVICES, new Zone(0));
  expect(csv).toContain(",'=1+1,-5,'@x\r\n");
});

test("lines are plans as typed with their metadata, and JSON where no line can say it", () => {
  const items = [
    item({ meta: { sample: "Cu foil", temperature: 180 } }),
    item({ kwargs: { num: 3 } }),
    item({ meta: { "two words": 1 } }),
    item({ meta: { note: "µm" } }),
    item({ meta: [{ a: 1 }, { a: 2 }] }),
  ];
  expect(asLines(items, DEVICES, "plans.txt").split("\n")).toEqual([
    "# Queue these plans with: %qs add --file plans.txt",
    "count([det1]) --md sample='Cu foil' temperature=180",
    "count([det1], num=3)",
    '{"item_type":"plan","name":"count","args":[["det1"]],"meta":{"two words":1}}',
    '{"item_type":"plan","name":"count","args":[["det1"]],"meta":{"note":"µm"}}',
    '{"item_type":"plan","name":"count","args":[["det1"]],"meta":[{"a":1},{"a":2}]}',
    "",
  ]);
});

test("JSON has the items as they are", () => {
  const items = [item({})];
  expect(JSON.parse(asJson(items))).toEqual(items);
});
