import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Refused, type Status, Unanswered } from "../source/source";
import { FakeSource } from "./fake_source";
import { Model } from "./model";

let source: FakeSource;
let model: Model;
const status = {
  extensions: ["request_id"],
  devices_allowed_uid: "",
  time: "2026-11-30 12:00:00",
} as unknown as Status;

beforeEach(() => {
  vi.useFakeTimers();
  source = new FakeSource();
  model = new Model(source);
  model.status.value = status;
});

afterEach(() => {
  model.close();
  vi.useRealTimers();
});

const texts = () => model.notices.all.value.map((notice) => notice.text);

test("a change is sent with an id, and its reply is returned", async () => {
  source.changes.queue_clear = () => ({ success: true, msg: "" });
  const running = model.actions.run("queue_clear", {});
  expect(model.actions.isBusy("queue_clear")).toBe(false); // the name of the person is looked at first
  await Promise.resolve();
  expect(model.actions.isBusy("queue_start", "queue_clear")).toBe(true);
  expect(await running).toEqual({ success: true, msg: "" });
  expect(model.actions.isBusy("queue_clear")).toBe(false);
  await model.actions.run("queue_start", {});
  expect(source.sent.map(({ method, params }) => [method, params])).toEqual([
    ["queue_clear", {}],
    ["queue_start", {}],
  ]);
  expect(new Set(source.sent.map(({ id }) => id)).size).toBe(2);
  expect(source.sent[0]?.id).toMatch(/^[0-9a-f]{32}$/);
});

test("without an answer, the same request is sent again with the same id", async () => {
  let answers = 0;
  source.changes.queue_start = () => {
    answers += 1;
    if (answers < 3) throw new Unanswered("");
    return { success: true };
  };
  const running = model.actions.run("queue_start", {});
  await vi.advanceTimersByTimeAsync(2000);
  expect(await running).toEqual({ success: true });
  expect(new Set(source.sent.map(({ id }) => id)).size).toBe(1);
  expect(texts()).toEqual([]);
});

test("if no answer comes at all, a notice says so, and its button sends the same request again", async () => {
  source.changes.queue_start = () => {
    throw new Unanswered("");
  };
  const running = model.actions.run("queue_start", {});
  await vi.advanceTimersByTimeAsync(12_000);
  expect(await running).toBe(null);
  expect(texts()).toEqual([
    "Start: no answer, so it may or may not have been done. “Try again” is safe: the service does nothing twice.",
  ]);
  source.changes.queue_start = () => ({ success: true });
  model.notices.all.value[0]?.button?.press();
  await vi.advanceTimersByTimeAsync(0);
  expect(new Set(source.sent.map(({ id }) => id)).size).toBe(1);
});

test("a service that may do it twice is asked once", async () => {
  model.status.value = { ...status, extensions: [] };
  source.changes.queue_start = () => {
    throw new Unanswered("");
  };
  expect(await model.actions.run("queue_start", {})).toBe(null);
  expect(source.sent).toHaveLength(1);
  expect(texts()[0]).toContain("Before you try again");
  expect(model.notices.all.value[0]?.button).toBe(undefined);
});

test("a refusal is a notice with what to do, unless a form shows it", async () => {
  const text = "RE Manager is busy. RE Manager must be in idle state, current state: 'paused'";
  source.changes.environment_close = () => {
    throw new Refused(text, "WrongState");
  };
  expect(await model.actions.run("environment_close", {})).toBe(null);
  expect(await model.actions.run("environment_close", {})).toBe(null);
  expect(texts()).toEqual(["A plan is paused. Resume it or end it first (Resume, Finish, Abort)."]);
  const refused = vi.fn();
  await model.actions.run("environment_close", {}, { refused });
  expect(refused).toHaveBeenCalledWith(expect.objectContaining({ code: "WrongState", message: text }));
  expect(texts()).toHaveLength(1);
});

test("a refusal by a lock has its owner and note", async () => {
  source.changes.queue_clear = () => {
    throw new Refused("Error: Invalid lock key: \nRE Manager is locked by grace at 11/30/2026 12:00:00");
  };
  source.answers.lock_info = () => ({
    lock_info: { environment: true, queue: true, user: "grace", note: "aligning", time: 1000, time_str: "" },
  });
  await model.actions.run("queue_clear", {});
  expect(texts()[0]).toMatch(
    /^Locked \(environment and queue\) by grace since \d\d:\d\d:\d\d: aligning\. Ask grace to unlock\. If you have/,
  );
});

test("the key of a lock goes along with every change but those of the lock", async () => {
  model.actions.lockKey.value = "k";
  await model.actions.run("queue_clear", {});
  await model.actions.run("unlock", { lock_key: "other" });
  expect(source.sent.map(({ params }) => params)).toEqual([{ lock_key: "k" }, { lock_key: "other" }]);
});

test("with a shared key, the page asks once for a name; without an answer, nothing is done", async () => {
  source.person.value = { ...source.person.value, sharesKey: true };
  const first = model.actions.run("queue_start", {});
  await vi.advanceTimersByTimeAsync(0);
  model.dialogs.naming.value?.(null);
  expect(await first).toBe(null);
  expect(source.sent).toEqual([]);
  const second = model.actions.run("queue_start", {});
  await vi.advanceTimersByTimeAsync(0);
  model.dialogs.naming.value?.("grace");
  expect(await second).toEqual({ success: true });
  expect(source.person.value.name).toBe("grace");
  await model.actions.run("queue_start", {});
  expect(model.dialogs.naming.value).toBe(null);
  expect(source.sent).toHaveLength(2);
});

test("what is done is told for a while, and longer if it can be undone", async () => {
  model.notices.done("Moved.");
  const press = vi.fn();
  model.notices.done("Removed.", { label: "Undo", press });
  await vi.advanceTimersByTimeAsync(9000);
  expect(texts()).toEqual(["Removed."]);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(texts()).toEqual([]);
});

test("a question that another one replaces is answered with no", async () => {
  const first = model.dialogs.confirm({ title: "Halt?", text: "", action: "Halt" });
  const second = model.dialogs.confirm({ title: "Abort?", text: "", action: "Abort" });
  expect(await first).toBe(false);
  model.dialogs.confirmation.value?.answer(true);
  expect(await second).toBe(true);
  expect(model.dialogs.confirmation.value).toBe(null);
});

test("controls depend on the scopes of the sign-in", () => {
  expect(model.actions.may("write:queue:edit")).toBe(true);
  source.person.value = { ...source.person.value, scopes: new Set(["read:queue"]) };
  expect(model.actions.may("write:queue:edit")).toBe(false);
});
