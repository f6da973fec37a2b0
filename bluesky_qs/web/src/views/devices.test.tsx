import { render } from "preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeSource } from "../model/fake_source";
import { Model } from "../model/model";
import type { Status } from "../source/source";
import { WithModel } from "./app";
import { DevicesView } from "./devices";

const part = { module: "ophyd.sim", is_readable: true, is_flyable: false };
const motor = { ...part, classname: "SynAxis", is_movable: true };
const DEVICES = {
  det: { ...part, classname: "SynGauss", is_movable: false },
  stage: { ...motor, components: { x: motor } },
};
const STATUS = {
  manager_state: "idle",
  worker_environment_exists: true,
  devices_allowed_uid: "1",
  lock_info_uid: "1",
  items_in_queue: 0,
  running_item_uid: null,
  plan_queue_mode: { loop: false, ignore_failures: false },
  time: "",
  extensions: [],
} as unknown as Status;

let source: FakeSource;
let model: Model;
let root: HTMLElement;

const items = () => [...root.querySelectorAll("[role=treeitem]")];
const press = (key: string) =>
  root.querySelector("[role=tree]")?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const current = () => root.querySelector("[role=treeitem][aria-selected=true] .call")?.textContent;

beforeEach(async () => {
  vi.stubGlobal(
    "ResizeObserver",
    class {
      observe() {}
      disconnect() {}
    },
  );
  localStorage.clear();
  root = document.createElement("div");
  document.body.append(root);
  source = new FakeSource();
  source.person.value = { ...source.person.value, scopes: new Set(["read:monitor", "read:resources"]) };
  source.answers.devices_allowed = () => ({ devices_allowed: DEVICES });
  source.answers.device_read = ({ names }) => ({
    devices: Object.fromEntries(
      (names as string[]).map((name) => [
        name,
        name === "det"
          ? { error: "no answer after 1 s", last: { value: 7, timestamp: 1 } }
          : { value: 2.5, units: "mm", limits: [-1, 5], timestamp: 1000, moving: false, fields: { set: { value: 3 } } },
      ]),
    ),
  });
  model = new Model(source);
  source.published("status", { time: 1000, msg: { status: STATUS } });
  render(
    <WithModel model={model}>
      <DevicesView />
    </WithModel>,
    root,
  );
  await vi.waitFor(() => expect(items().length).toBe(2));
});

afterEach(() => {
  render(null, root);
  root.remove();
  model.close();
  vi.unstubAllGlobals();
});

test("rows have values, units, limits and kinds; a device that hangs says so in its row", async () => {
  await vi.waitFor(() => expect(items()[1]?.textContent).toContain("2.5mm-1 … 5"));
  expect(items()[1]?.querySelector(".call")?.getAttribute("title")).toBe("stage");
  expect(root.querySelector("h2 [role=status]")?.textContent).toBe("2 devices, 3 including parts");
  expect(items()[1]?.textContent).toContain("motor");
  expect(items()[0]?.textContent).toContain("⚠ no answer after 1 s; last 7");
});

test("the keys walk along the tree, open parts, and watch a device", async () => {
  press("ArrowDown");
  press("End");
  await vi.waitFor(() => expect(current()).toBe("stage"));
  press("ArrowRight");
  await vi.waitFor(() => expect(items().length).toBe(3));
  expect(items()[1]?.getAttribute("aria-expanded")).toBe("true");
  press("ArrowRight");
  await vi.waitFor(() => expect(current()).toBe("x"));
  expect(items()[2]?.getAttribute("aria-level")).toBe("2");
  press(" ");
  await vi.waitFor(() => expect(source.watched).toEqual(["stage.x"]));
  source.read({ "stage.x": { value: 4.25, units: "mm", moving: true } });
  await vi.waitFor(() => expect(root.querySelector(".watched tbody")?.textContent).toContain("moving 4.25 mm"));
  press("ArrowLeft");
  await vi.waitFor(() => expect(current()).toBe("stage"));
  press("ArrowLeft");
  await vi.waitFor(() => expect(items().length).toBe(2));
});

test("all that is known of the chosen device stands beside the tree", async () => {
  press("End");
  const facts = () => root.querySelector(".device-facts")?.textContent;
  await vi.waitFor(() => expect(facts()).toContain("Value2.5 mm"));
  expect(facts()).toContain("Limits-1 … 5 mm");
  expect(facts()).toContain("set3");
  expect(facts()).toContain("motor, SynAxis, from ophyd.sim");
});

test("it says why there is nothing to see", async () => {
  source.published("status", { time: 1000, msg: { status: { ...STATUS, worker_environment_exists: false } } });
  await vi.waitFor(() => expect(root.textContent).toContain("The environment is closed. Open it to read devices."));
  model.tree.find("nothing like this");
  await vi.waitFor(() => expect(root.textContent).toContain("No device matches."));
  source.person.value = { ...source.person.value, scopes: new Set(["read:monitor"]) };
  await vi.waitFor(() => expect(root.textContent).toContain("your sign-in lacks read:resources"));
});
