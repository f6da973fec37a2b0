import { render } from "preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeSource, plan } from "../model/fake_source";
import { Model } from "../model/model";
import type { Item, Status } from "../source/source";
import prompt from "../words/prompt.json";
import { followAddress, PAGE } from "./address";
import { WithModel } from "./app";
import { ItemView } from "./item";

const root = document.createElement("div");
let source: FakeSource;
let model: Model;
let stop: () => void;

beforeEach(() => {
  stop = followAddress();
  source = new FakeSource();
  source.answers.documents_get = () => ({ documents: [], item_uid: "a", before: null, missing: 0 });
  source.answers.console_get = () => ({ messages: [], last: 0 });
});

afterEach(() => {
  render(null, root);
  model.close();
  stop();
});

function show(uid: string): void {
  model = new Model(source);
  PAGE.replace(`#/item/${uid}`);
  render(
    <WithModel model={model}>
      <ItemView />
    </WithModel>,
    root,
  );
}

const result = {
  exit_status: "failed",
  run_uids: ["0123-run"],
  scan_ids: [12],
  time_start: 100,
  time_stop: 160,
  msg: "No beam",
  traceback: "Traceback (most recent call last):\nValueError: No beam",
  return_value: "0123-run",
  time_paused: 20,
  time_estimated: 35,
};

test("the page of a failed plan has its reason, its times and no raw uid", async () => {
  source.answers.item_status = () => ({ status: { state: "failed", result, times: { queued: 90 } } });
  source.answers.history_get = () => ({ items: [{ ...plan("abc-123", { meta: { sample: "S1" } }), result }] });
  show("abc-123");
  await vi.waitFor(() => expect(root.textContent).toContain("count()"));
  const text = root.textContent ?? "";
  for (const part of ["failed", "sample S1", "Scan 12", "by ada", "✕ No beam", "ValueError: No beam"]) {
    expect(text).toContain(part);
  }
  const facts = [...root.querySelectorAll(".item-times > div")].map((fact) => fact.textContent);
  expect(facts.slice(-3)).toEqual(["Took1 min 00 s", "Paused20 s", "Estimated35 s without pauses"]);
  expect(text).not.toContain("abc-123");
  expect(text).not.toContain("0123-run");
});

test("run again queues a copy without the result", async () => {
  source.answers.item_status = () => ({ status: { state: "failed", result, times: {} } });
  source.answers.history_get = () => ({ items: [{ ...plan("abc-123", { kwargs: { num: 2 } }), result }] });
  source.changes.queue_item_add = ({ item }) => ({ success: true, item: { ...(item as Item), item_uid: "copy" } });
  show("abc-123");
  const button = () => [...root.querySelectorAll("button")].find((each) => each.textContent === "Run again");
  await vi.waitFor(() => expect(button()).toBeDefined());
  button()?.click();
  await vi.waitFor(() => expect(source.sent).toHaveLength(1));
  expect(source.sent[0]).toMatchObject({
    method: "queue_item_add",
    params: { item: { item_type: "plan", name: "count", kwargs: { num: 2 } } },
  });
  await vi.waitFor(() => expect(root.textContent).toContain("✓ Added to the queue. Go to the queue"));
});

test("a failed plan that is back in the queue offers to start the queue, and a copy says where it was added", async () => {
  const state = { state: "failed", requeued_as: "back", result, times: {} };
  source.queue = [plan("back"), plan("other")];
  source.answers.item_status = ({ item_uid }) =>
    item_uid === "abc-123" ? { status: state } : { status: { [String(item_uid)]: { state: "queued", position: 2 } } };
  source.answers.history_get = () => ({ items: [{ ...plan("abc-123"), result }] });
  source.changes.queue_item_add = ({ item }) => {
    source.queue.push({ ...(item as Item), item_uid: "copy" });
    return { success: true, item: source.queue.at(-1) };
  };
  show("abc-123");
  const idle = prompt.states[2]?.status as unknown as Status;
  source.published("status", { time: 1, msg: { status: idle } });
  const primary = () => [...root.querySelectorAll("button.primary")].map((button) => button.textContent);
  await vi.waitFor(() => expect(primary()).toEqual(["Start the queue"]));
  expect(root.textContent).toContain("Back in the queue, first");
  const copy = [...root.querySelectorAll("button")].find((each) => each.textContent === "Run again, as a copy");
  copy?.click();
  await vi.waitFor(() => expect(root.textContent).toContain("✓ Added to the queue"));
  source.happened({ type: "queue_changed", put: ["copy"], user: "ada" });
  await vi.waitFor(() => expect(root.textContent).toContain("✓ Added to the queue at position 2."));
});

test("an unknown uid says so, and where to look", async () => {
  show("nothing");
  await vi.waitFor(() => expect(root.textContent).toContain("There is no such item"));
  expect([...root.querySelectorAll("a")].map((link) => link.getAttribute("href"))).toEqual(["#/now", "#/history"]);
});
