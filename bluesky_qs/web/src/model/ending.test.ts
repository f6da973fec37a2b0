import { signal } from "@preact/signals";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Refused, type Status } from "../source/source";
import { Ending } from "./ending";
import { FakeSource } from "./fake_source";
import { Model } from "./model";

let source: FakeSource;
let model: Model;
let ending: Ending;
const status = signal<Status | null>(null);
const at = (manager_state: string, running_item_uid: string | null = "a") => {
  status.value = { manager_state, running_item_uid } as Status;
};

beforeEach(() => {
  vi.useFakeTimers();
  source = new FakeSource();
  model = new Model(source);
  ending = new Ending(status, model.actions, model.notices);
});

afterEach(() => {
  model.close();
  vi.useRealTimers();
});

const methods = () => source.sent.map(({ method }) => method);

test("a paused plan is ended at once", async () => {
  at("paused");
  await ending.end("re_stop");
  expect(methods()).toEqual(["re_stop"]);
});

test("a plan that runs is paused first", async () => {
  at("executing_queue");
  const done = ending.end("re_abort");
  await vi.advanceTimersByTimeAsync(1000);
  expect(methods()).toEqual(["re_pause"]);
  expect(source.sent[0]?.params).toEqual({ option: "immediate" });
  expect(ending.pending.value).toBe("re_abort");
  at("paused");
  await done;
  expect(methods()).toEqual(["re_pause", "re_abort"]);
  expect(ending.pending.value).toBe(null);
});

test("a plan that ends meanwhile is not mistaken for the next one", async () => {
  at("executing_queue");
  const done = ending.end("re_halt");
  await vi.advanceTimersByTimeAsync(0);
  at("executing_queue", "b");
  await done;
  expect(methods()).toEqual(["re_pause"]);
  expect(model.notices.all.value[0]?.text).toBe("The plan ended before it could be paused.");
});

test("a plan that does not pause, or may not be paused, is not ended", async () => {
  at("executing_queue");
  const done = ending.end("re_halt");
  await vi.advanceTimersByTimeAsync(61_000);
  await done;
  expect(methods()).toEqual(["re_pause"]);
  expect(model.notices.all.value[0]?.text).toContain("has not paused for a minute, so it was not halted");
  source.changes.re_pause = () => {
    throw new Refused("no");
  };
  await ending.end("re_halt");
  expect(methods()).toEqual(["re_pause", "re_pause"]);
});
