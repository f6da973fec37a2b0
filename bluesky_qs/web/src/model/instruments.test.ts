import { beforeEach, expect, test, vi } from "vitest";
import type { Door, Status } from "../source/source";
import { FakeSource, plan } from "./fake_source";
import { Instruments } from "./instruments";

let sources: Map<string, FakeSource>;

function door(instrument: string, ...names: string[]): Door {
  return {
    instrument,
    names: async () => names,
    source: (name) => {
      const source = new FakeSource();
      source.answers.queue_get = () => ({ items: [], running_item: plan(`runs-${name}`) });
      source.answers.history_get = () => ({ items: [plan("failed")] });
      source.answers.devices_allowed = () => ({ devices_allowed: { det: {} } });
      sources.set(name, source);
      return source;
    },
  };
}

const STATUS = { running_item_uid: "runs-saxs", plan_history_uid: "1", devices_allowed_uid: "1", time: "" } as Status;

beforeEach(() => {
  sources = new Map();
});

test("the first instrument is shown unless the address names another one", async () => {
  const first = new Instruments(door("", "tomo", "saxs"));
  expect(first.current.value).toBe("");
  await first.look();
  expect(first.current.value).toBe("tomo");
  const other = new Instruments(door("saxs", "tomo", "saxs"));
  await other.look();
  expect([other.current.value, other.isUnknown.value]).toEqual(["saxs", false]);
  const unknown = new Instruments(door("sax", "tomo", "saxs"));
  await unknown.look();
  expect(unknown.isUnknown.value).toBe(true);
});

test("a door with one service has no instruments to choose from", async () => {
  const one = new Instruments(door("", "default"));
  await one.look();
  expect(one.current.value).toBe("");
  const none = new Instruments(null);
  await none.look();
  expect(none.names.value).toEqual([]);
});

test("all are followed as long as somebody looks, and asked only when their status says that something is new", async () => {
  const instruments = new Instruments(door("", "tomo", "saxs"));
  await instruments.look();
  const stop = instruments.begin();
  const source = sources.get("saxs") as FakeSource;
  const saxs = instruments.followed.value[1];
  for (let times = 0; times < 3; times++) source.published("status", { time: 1000, msg: { status: STATUS } });
  await vi.waitFor(() => expect(saxs?.failure.value.value?.item_uid).toBe("failed"));
  expect(saxs?.running.value.value?.item_uid).toBe("runs-saxs");
  expect(saxs?.devices.value.value).toEqual(new Set(["det"]));
  const asked = () => [...source.asked].sort();
  expect(asked()).toEqual(["devices_allowed", "events_get", "history_get", "queue_get"]);
  source.published("status", { time: 1001, msg: { status: { ...STATUS, plan_history_uid: "2" } } });
  await vi.waitFor(() => expect(asked().filter((method) => method === "history_get").length).toBe(2));
  stop();
  expect(instruments.followed.value).toEqual([]);
});
