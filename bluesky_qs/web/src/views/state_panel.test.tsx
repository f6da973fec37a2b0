import { render } from "preact";
import { afterEach, expect, test, vi } from "vitest";
import { FakeSource, plan } from "../model/fake_source";
import { Model } from "../model/model";
import type { Status } from "../source/source";
import prompt from "../words/prompt.json";
import { WithModel } from "./app";
import { StatePanel } from "./state_panel";

let model: Model;
const idle = prompt.states[1]?.status as unknown as Status;
const root = document.createElement("div");

afterEach(() => {
  render(null, root);
  model.close();
});

function shown(source: FakeSource): void {
  model = new Model(source);
  model.past.begin();
  render(
    <WithModel model={model}>
      <StatePanel />
    </WithModel>,
    root,
  );
}

test("the last plan's failure is beside the state until something runs again", async () => {
  const source = new FakeSource();
  const failed = { ...plan("a"), result: { exit_status: "failed", msg: "no beam", scan_ids: [], run_uids: [] } };
  source.answers.history_get = () => ({ items: [failed], plan_history_uid: "h", has_more: false });
  shown(source);
  source.published("status", { time: 1, msg: { status: idle } });
  const line = () => root.querySelector(".last-failure");
  await vi.waitFor(() => expect(line()?.textContent).toMatch(/The last plan failed\. .*\): no beam\.$/));
  expect(line()?.querySelector("a")?.getAttribute("href")).toBe("#/item/a");
  const running: Status = { ...idle, manager_state: "executing_queue", running_item_uid: "b" };
  source.published("status", { time: 2, msg: { status: running } });
  await vi.waitFor(() => expect(line()).toBeNull());
});

test("the reason why the queue has stopped is below the state, once", async () => {
  const source = new FakeSource();
  shown(source);
  const stopped: Status = { ...idle, items_in_queue: 1, queue_stopped_reason: "a pause came too late" };
  source.published("status", { time: 1, msg: { status: stopped } });
  const state = () => root.querySelector(".state")?.textContent;
  await vi.waitFor(() => expect(state()).toContain("The queue has stopped: a pause came too late."));
  const off: Status = { ...stopped, queue_autostart_off_reason: "a pause came too late" };
  source.published("status", { time: 2, msg: { status: off } });
  await vi.waitFor(() => expect(state()).toContain("Autostart switched itself off: a pause came too late."));
  expect(state()).not.toContain("has stopped");
});
