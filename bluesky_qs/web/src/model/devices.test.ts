import { signal } from "@preact/signals";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Status } from "../source/source";
import { type Description, linesOf, search } from "./device_tree";
import { Devices } from "./devices";
import { FakeSource } from "./fake_source";
import { Lists } from "./lists";

const device = (classname: string, more: Partial<Description> = {}): Description => ({
  classname,
  module: "ophyd.sim",
  is_readable: true,
  is_movable: false,
  is_flyable: false,
  ...more,
});
const DEVICES = {
  det: device("SynGauss"),
  stage: device("Stage", {
    components: { x: device("EpicsMotor", { is_movable: true }), y: device("EpicsMotor", { is_movable: true }) },
  }),
  shutter: device("Shutter", { excluded: true }),
};
const OPEN = { worker_environment_exists: true } as Status;

let source: FakeSource;
let tree: Devices;

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
  source = new FakeSource();
  source.answers.device_read = ({ names }) => ({
    devices: Object.fromEntries((names as string[]).map((name) => [name, { value: 1, units: "mm" }])),
  });
  const lists = new Lists(source);
  lists.known.value = { plans: {}, devices: DEVICES };
  tree = new Devices(source, lists);
  tree.look(OPEN);
});

afterEach(() => vi.useRealTimers());

const asked = () => source.asked.filter((method) => method === "device_read").length;

test("the lines of the tree have the parts of open devices, with their places", () => {
  const lines = linesOf(DEVICES, new Set(["stage"]));
  expect(lines.map(({ name, level, place, siblings, parent }) => [name, level, place, siblings, parent])).toEqual([
    ["det", 1, 1, 3, null],
    ["stage", 1, 2, 3, null],
    ["stage.x", 2, 1, 2, "stage"],
    ["stage.y", 2, 2, 2, "stage"],
    ["shutter", 1, 3, 3, null],
  ]);
});

test("a search finds names, classes and kinds, and shows what each is a part of", () => {
  const found = (text: string) => {
    const { devices, opened, count } = search(DEVICES, text);
    return [count, linesOf(devices, opened).map((line) => line.name)];
  };
  expect(found("motor")).toEqual([2, ["stage", "stage.x", "stage.y"]]);
  expect(found("stage x")).toEqual([1, ["stage", "stage.x"]]);
  expect(found("STAGE")).toEqual([1, ["stage"]]);
  expect(found("detector")).toEqual([3, ["det", "stage", "shutter"]]);
  expect(found("nothing")).toEqual([0, []]);
});

test("what a search has opened can be closed", () => {
  tree.find("EpicsMotor");
  const stage = tree.lines.value[0];
  if (stage) tree.toggle(stage);
  expect(tree.lines.value.map((line) => line.name)).toEqual(["stage"]);
  tree.find("x");
  expect(tree.lines.value.map((line) => line.name)).toEqual(["stage", "stage.x"]);
});

test("devices that are seen are read once, when the list rests", async () => {
  tree.want(["det", "stage"]);
  tree.want(["det", "stage", "shutter"]);
  expect(asked()).toBe(0);
  await vi.runAllTimersAsync();
  expect(asked()).toBe(1);
  expect([...tree.readings.value.keys()]).toEqual(["det", "stage"]);
  tree.want(["stage", "det"]);
  await vi.runAllTimersAsync();
  expect(asked()).toBe(1);
  tree.again();
  await vi.runAllTimersAsync();
  expect(asked()).toBe(2);
});

test("nothing is read while the environment is closed, and all that is seen when it is open again", async () => {
  tree.want(["det"]);
  await vi.runAllTimersAsync();
  tree.look({ worker_environment_exists: false } as Status);
  tree.want(["stage"]);
  await vi.runAllTimersAsync();
  expect(asked()).toBe(1);
  tree.look(OPEN);
  await vi.runAllTimersAsync();
  expect(asked()).toBe(2);
});

test("a refusal is the problem until something can be read", async () => {
  source.answers.device_read = () => {
    throw new Error("The RE Worker is busy with user code");
  };
  await tree.read(["det"]);
  expect(tree.problem.value).toBe("The RE Worker is busy with user code");
  expect(tree.pending.value.size).toBe(0);
  source.answers.device_read = () => ({ devices: { det: { value: 2 } } });
  await tree.read(["det"]);
  expect(tree.problem.value).toBe("");
});

test("watched devices come on the stream as long as somebody looks, and are not read otherwise", async () => {
  tree.watch("stage.x", true);
  expect(source.watched).toBeNull();
  const stop = tree.begin();
  expect(source.watched).toEqual(["stage.x"]);
  source.read({ "stage.x": { value: 3, moving: true } });
  expect(tree.readings.value.get("stage.x")?.value).toBe(3);
  tree.want(["stage.x"]);
  await vi.runAllTimersAsync();
  expect(asked()).toBe(0);
  tree.watch("det", true);
  expect(source.watched).toEqual(["stage.x", "det"]);
  source.read({}, "RE Worker environment does not exist.");
  expect(tree.problem.value).toBe("RE Worker environment does not exist.");
  stop();
  expect(source.watched).toBeNull();
});

test("the browser keeps what is watched; devices that are gone are left out", () => {
  tree.watch("det", true);
  tree.watch("stage.x", true);
  tree.watch("det", false);
  localStorage.setItem("fake:watched", JSON.stringify(["gone", "stage.x"]));
  const lists = new Lists(source);
  const again = new Devices(source, lists);
  expect(again.watched.value).toEqual([]);
  lists.known.value = { plans: {}, devices: DEVICES };
  expect(again.watched.value).toEqual(["stage.x"]);
  localStorage.setItem("fake:watched", "{");
  expect(new Devices(source, lists).watched.value).toEqual([]);
});

test("ten thousand signals are searched and shown in a moment", () => {
  const parts = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`s${n}`, device("EpicsSignal")]));
  const many = Object.fromEntries(
    Array.from({ length: 100 }, (_, n) => [`d${n}`, device("Bench", { components: parts })]),
  );
  const found = signal(search(many, "d42.s17"));
  expect(linesOf(found.value.devices, found.value.opened).map((line) => line.name)).toEqual(["d42", "d42.s17"]);
  expect(linesOf(many, new Set(Object.keys(many))).length).toBe(10_100);
});
