import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Channel, KernelMessage } from "../source/widget";
import { Output } from "./output";

const HELLO = { type: "hello" as const, place: "x", user: "ada", group: "primary", roles: [], scopes: null };
const LIFE = { time: 1000, age: 0, held: false };

class FakeChannel implements Channel {
  received: (message: KernelMessage) => void = () => {};
  isClosed = false;
  send(): void {}
  close(): void {
    this.isClosed = true;
  }
}

let node: HTMLElement;
let output: Output;
let channel: FakeChannel;
let stills = 0;
let again = 0;

beforeEach(() => {
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener() {}, removeEventListener() {} }));
  node = document.createElement("div");
  document.body.append(node);
  stills = again = 0;
  output = new Output(node, (box) => {
    stills += 1;
    box.textContent = `still ${stills}`;
  });
  channel = new FakeChannel();
});

afterEach(() => {
  output.close();
  node.remove();
  vi.unstubAllGlobals();
});

const settled = () => new Promise((resolve) => setTimeout(resolve));
const connect = () => output.connect(channel, () => (again += 1));
const host = () => node.querySelector<HTMLElement>("[data-scheme]") as HTMLElement;
/** What can be seen: the note, the still, or the live view. */
const seen = () =>
  [...node.children]
    .filter((each): each is HTMLElement => each instanceof HTMLElement && !each.hidden)
    .map((each) => (each === host() ? "live" : each.textContent));

test("the still is shown until the kernel answers, then the live view", async () => {
  output.changed();
  expect(seen()).toEqual(["still 1"]);
  connect();
  channel.received({ ...HELLO, ...LIFE });
  await settled();
  expect(seen()).toEqual(["live"]);
  const links = [...(host().shadowRoot?.querySelectorAll("nav a") ?? [])].map((each) => each.textContent);
  expect(links).toEqual(["Now", "History"]);
  output.changed();
  expect(stills).toBe(1); // nobody sees it
});

test("while requests are held, the still is shown with what to do, and is kept up to date", async () => {
  connect();
  channel.received({ ...HELLO, ...LIFE, held: true });
  await settled();
  expect(seen()[0]).toMatch(/interrupt the cell first/);
  output.changed();
  expect(seen()[1]).toBe("still 2");
  channel.received({ type: "beat", ...LIFE });
  await settled();
  expect(seen()).toEqual(["live"]);
});

test("a view of an earlier kernel is a still that says how to see it live", async () => {
  output.changed();
  connect();
  channel.received({ type: "ended" });
  await settled();
  expect(seen()[0]).toMatch(/when the notebook was saved. Run the cell/);
});

test("when the kernel ends, the last still is shown, and stays when a new kernel does not know the view", async () => {
  connect();
  channel.received({ ...HELLO, ...LIFE });
  await settled();
  output.end();
  await settled();
  expect(seen()[0]).toMatch(/The kernel has ended/);
  expect(seen()[1]).toMatch("still");
  expect(channel.isClosed).toBe(true);
  connect();
  channel.received({ type: "ended" });
  await settled();
  expect(seen()[0]).toMatch(/The kernel has ended/);
  expect(again).toBe(0);
});

test("a connection that the kernel has dropped is made again", async () => {
  connect();
  channel.received({ ...HELLO, ...LIFE });
  await settled();
  channel.received({ type: "dropped" });
  await settled();
  expect(again).toBe(1);
});

test("it follows the notebook from light to dark", async () => {
  document.body.dataset.jpThemeLight = "false";
  await settled();
  expect(host().dataset.scheme).toBe("dark");
  document.body.dataset.jpThemeLight = "true";
  await settled();
  expect(host().dataset.scheme).toBe("light");
  delete document.body.dataset.jpThemeLight;
});
