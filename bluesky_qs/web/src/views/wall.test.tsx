import { render } from "preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeSource, plan } from "../model/fake_source";
import { Model } from "../model/model";
import type { HistoryItem, Status } from "../source/source";
import prompt from "../words/prompt.json";
import { WithModel } from "./app";
import { isWall, WallView } from "./wall";

const NOW = 1000;
const IDLE = prompt.states[1]?.status as unknown as Status;
const ended = (uid: string, exit_status: string, msg = "") =>
  ({ ...plan(uid), result: { exit_status, msg, time_start: NOW - 60, time_stop: NOW - 30 } }) as HistoryItem;
let source: FakeSource;
let model: Model;
let root: HTMLElement;

beforeEach(() => {
  root = document.createElement("div");
  document.body.append(root);
  source = new FakeSource();
  source.queue = Array.from({ length: 7 }, (_, n) => plan(String(n), { kwargs: { num: n } }));
  source.answers.history_get = () => ({
    items: [ended("a", "completed"), ended("b", "failed", "LimitError: too far")],
  });
  model = new Model(source);
  render(
    <WithModel model={model}>
      <WallView />
    </WithModel>,
    root,
  );
});

afterEach(() => {
  render(null, root);
  root.remove();
  model.close();
  history.replaceState(null, "", "/");
});

const text = () => root.textContent ?? "";
const published = (status: Partial<Status>) =>
  source.published("status", { time: NOW, msg: { status: { ...IDLE, ...status } } });

test("the wall has the state, the next plans and the last ones, and nothing to press", async () => {
  published({});
  await vi.waitFor(() => expect(text()).toContain("Idle"));
  await vi.waitFor(() => expect(text()).toContain("Next · 7 items"));
  expect(text()).toContain("count(num=4)");
  expect(text()).not.toContain("count(num=5)");
  await vi.waitFor(() => expect(text()).toContain("LimitError: too far"));
  expect(root.querySelectorAll("button, input, a, select, [tabindex]").length).toBe(0);
});

test("a question and a lost connection are said plainly", async () => {
  published({ input_pending: { input_uid: "q", prompt: "Sample? ", time: NOW } as Status["input_pending"] });
  await vi.waitFor(() => expect(text()).toContain("Waiting for input: Sample?"));
  source.link.value = { state: "lost", since: NOW };
  await vi.waitFor(() => expect(root.querySelector("[role=alert]")?.textContent).toContain("Connection lost"));
  expect(root.querySelector("main")?.className).toBe("stale");
});

test("the address asks for the wall", () => {
  expect(isWall()).toBe(false);
  history.replaceState(null, "", "/?view=wall");
  expect(isWall()).toBe(true);
});
