import { expect, test, vi } from "vitest";
import type { HistoryItem, Status } from "../source/source";
import prompt from "../words/prompt.json";
import { titleOf } from "../words/title";
import { Alarms } from "./alarms";
import { FakeSource, plan } from "./fake_source";

const question = { input_uid: "q", prompt: "Sample? ", time: 1, item_uid: "a", task_uid: null, secret: false };
const failed = {
  ...plan("a"),
  result: { exit_status: "failed", msg: "LimitError: th is at its limit" },
} as HistoryItem;

test("a failure has its plan and its reason, and a question its text", async () => {
  const source = new FakeSource();
  const alarms = new Alarms(source, () => new Set());
  source.answers.history_get = () => ({ items: [failed] });
  const event = { seq: 1, time: 1 };
  alarms.take({ ...event, type: "item_ended", item_uid: "b", exit_status: "completed" });
  expect(alarms.latest.value).toBe(null);
  alarms.take({ ...event, type: "item_ended", item_uid: "a", exit_status: "failed" });
  await vi.waitFor(() => expect(alarms.latest.value?.text).toBe("count(): LimitError: th is at its limit."));
  alarms.take({ ...event, type: "input_changed", input_pending: question });
  expect(alarms.latest.value).toEqual({ tag: "q", title: "Waiting for input", text: "Sample?" });
  alarms.take({ ...event, type: "input_changed", input_pending: null });
  expect(alarms.latest.value?.tag).toBe("q");
});

test("the title of the tab shows a question, and a failure until something runs", () => {
  const idle = prompt.states[1]?.status as unknown as Status;
  expect(titleOf("live", idle, 0, undefined)).toBe("");
  expect(titleOf("live", idle, 0, failed)).toBe("✕ failed · ");
  expect(titleOf("live", { ...idle, input_pending: question }, 0, undefined)).toBe("? question · ");
  const running: Status = { ...idle, manager_state: "executing_queue", running_item_uid: "b" };
  expect(titleOf("live", running, 0, failed)).toBe("running · ");
  expect(titleOf("live", { ...running, input_pending: question }, 0, failed)).toBe("? question · running · ");
  expect(titleOf("live", { ...running, manager_state: "paused" }, 0, failed)).toBe("paused · ");
  expect(titleOf("lost", running, 0, failed)).toBe("⚠ not connected · ");
});
