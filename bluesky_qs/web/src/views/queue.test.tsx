import { render } from "preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeSource, plan } from "../model/fake_source";
import { Model } from "../model/model";
import type { Status } from "../source/source";
import { WithModel } from "./app";
import { QueuePanel } from "./queue";

const NOW = 1000;
const known = { low: 600, high: 800, at_least: false, source: "walk", reason: "", start_at_least: false };
let source: FakeSource;
let model: Model;
let root: HTMLElement;

const rows = () => [...root.querySelectorAll("[role=option]")];
const cells = (name: string) => rows().map((row) => row.querySelector(`.${name}`)?.textContent);

async function show(): Promise<void> {
  model = new Model(source);
  render(
    <WithModel model={model}>
      <QueuePanel />
    </WithModel>,
    root,
  );
  await vi.waitFor(() => expect(rows().length).toBe(3));
}

function status(): Status {
  const more = { manager_state: "idle", items_in_queue: 3, plan_queue_mode: { loop: false, ignore_failures: false } };
  return { ...more, running_item_uid: null, estimates_uid: "1", time: "", extensions: [] } as unknown as Status;
}

beforeEach(() => {
  vi.stubGlobal(
    "ResizeObserver",
    class {
      observe() {}
      disconnect() {}
    },
  );
  root = document.createElement("div");
  document.body.append(root);
  source = new FakeSource();
  source.queue = [plan("a"), plan("b", { user: "grace" }), plan("c")];
  source.answers.estimates_get = () => ({
    estimates: {
      a: { ...known, seconds: 720, start: NOW },
      b: { ...known, seconds: null, low: null, source: "unknown", reason: "It never ran", start: NOW + 720 },
      c: { ...known, seconds: 30, start: NOW + 7200, start_at_least: true },
    },
    queue: { ...known, seconds: 740, at_least: true, start: NOW, end: NOW + 740 },
    estimates_uid: "1",
  });
});

afterEach(() => {
  render(null, root);
  root.remove();
  model.close();
  vi.unstubAllGlobals();
});

test("rows have their times, or say that these are unknown; the heading has those of all", async () => {
  await show();
  source.published("status", { time: NOW, msg: { status: status() } });
  await vi.waitFor(() => expect(cells("takes")).toEqual(["about 12 min", "unknown", "about 30 s"]));
  expect(cells("starts")).toEqual(["00:16", "–", "02:16 or later"]);
  expect(root.querySelector("h2")?.textContent).toBe("Queue · 3 items, at least 12 min if started now");
});

test("what somebody else does with a row has the name for some seconds", async () => {
  await show();
  expect(cells("who")).toEqual(["ada", "grace", "ada"]);
  source.happened({ type: "queue_changed", put: ["c"], change: "move", user: "grace", time: NOW - 1 });
  await vi.waitFor(() => expect(cells("who")).toEqual(["ada", "grace", "moved by grace"]));
  source.happened({ type: "queue_changed", put: ["c"], change: "move", user: "grace", time: NOW - 60 });
  await vi.waitFor(() => expect(cells("who")).toEqual(["ada", "grace", "ada"]));
});

test("whoever may not change the queue sees why, and nothing to press or to drag", async () => {
  source.person.value = { ...source.person.value, scopes: new Set(["read:queue"]) };
  await show();
  expect(root.querySelectorAll("button").length).toBe(0);
  expect(root.textContent).toContain("ask the server's administrator");
  expect(cells("grip")).toEqual(["", "", ""]);
});

test("one selected plan is edited as a whole, several get the form for one parameter", async () => {
  await show();
  model.edit.selection.choose("b");
  const button = () => [...root.querySelectorAll("button")].find((each) => each.textContent === "Edit…");
  await vi.waitFor(() => expect(button()).toBeTruthy());
  button()?.click();
  expect(model.composer.subject.value).toMatchObject({ kind: "edit", item: { item_uid: "b" } });
  model.edit.selection.toggle("c");
  await vi.waitFor(() => expect(root.textContent).toContain("2 selected"));
  button()?.click();
  await vi.waitFor(() => expect(root.querySelector("form.edit-parameter")?.textContent).toContain("In 2 plans, set"));
});

test("Escape and Cancel end an edit and return to the list, so that the next row is one key away", async () => {
  await show();
  for (const way of ["Escape", "Cancel"]) {
    model.edit.selection.choose("b");
    const edited = model.edit.selected()[0];
    if (edited) model.composer.edit(edited);
    await vi.waitFor(() => expect(root.querySelector("form.add h3")?.textContent).toContain("Edit #1"));
    const line = root.querySelector<HTMLInputElement>("input.plan-line");
    line?.focus();
    const pressed = new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true });
    if (way === "Escape") line?.dispatchEvent(pressed);
    else [...root.querySelectorAll("button")].find((each) => each.textContent === "Cancel")?.click();
    expect(model.composer.subject.value.kind).toBe("new");
    await vi.waitFor(() => expect(root.querySelector("form.add h3")).toBeNull());
    expect(document.activeElement?.classList).toContain("rows");
  }
});

test("Escape closes “Move to…” and returns to the list", async () => {
  await show();
  model.edit.selection.choose("b");
  const button = () => [...root.querySelectorAll("button")].find((each) => each.textContent === "Move to…");
  await vi.waitFor(() => expect(button()).toBeTruthy());
  button()?.click();
  const position = () => root.querySelector<HTMLInputElement>("form.place input");
  await vi.waitFor(() => expect(document.activeElement).toBe(position()));
  position()?.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  await vi.waitFor(() => expect(position()).toBeNull());
  expect(document.activeElement?.classList).toContain("rows");
  expect(source.sent).toEqual([]);
});
