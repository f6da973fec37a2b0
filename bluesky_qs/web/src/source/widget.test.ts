import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Forbidden, Refused, type ServiceEvent, Unanswered } from "./source";
import { type Channel, type KernelMessage, WidgetSource } from "./widget";

const HELLO = { place: "tcp://x", user: "ada", group: "primary", roles: [], scopes: null };

/** A kernel: keeps what it gets, and answers what the test says. */
class FakeKernel implements Channel {
  readonly got: Record<string, unknown>[] = [];
  received: (message: KernelMessage) => void = () => {};
  isClosed = false;
  /** Answers by method; without one, a request waits. */
  answers: Record<string, (params: Record<string, unknown>) => object> = {};

  send(message: object): void {
    const sent = message as Record<string, unknown>;
    this.got.push(sent);
    const answer = sent.type === "request" ? this.answers[sent.method as string] : undefined;
    if (!answer) return;
    const body = answer(sent.params as Record<string, unknown>);
    queueMicrotask(() => this.received({ type: "reply", id: sent.id as number, ...body }));
  }

  close(): void {
    this.isClosed = true;
  }

  greet(more: object = {}): void {
    this.received({ type: "hello", ...HELLO, time: Date.now() / 1000, age: 0, held: false, ...more });
  }

  beat(more: object = {}): void {
    this.received({ type: "beat", time: Date.now() / 1000, age: 0, held: false, ...more });
  }
}

let kernel: FakeKernel;
let source: WidgetSource;

beforeEach(() => {
  vi.useFakeTimers();
  kernel = new FakeKernel();
  source = new WidgetSource(kernel);
});

afterEach(() => {
  source.close();
  vi.useRealTimers();
});

test("a request gets its own reply, and an error of the kind that the kernel names", async () => {
  kernel.greet();
  kernel.answers = {
    queue_get: () => ({ reply: { items: [], running_item: {} } }),
    queue_start: () => ({ refused: "The queue is empty", code: "WrongState", reply: { success: false } }),
    lock_info: () => ({ forbidden: "You may not." }),
    status: () => ({ unanswered: "No answer." }),
  };
  const [queue] = await Promise.all([
    source.ask("queue_get", {}),
    expect(source.send("queue_start", {}, "id1")).rejects.toMatchObject({ code: "WrongState", message: /empty/ }),
    expect(source.ask("lock_info", { lock_key: null })).rejects.toBeInstanceOf(Forbidden),
    expect(source.ask("status", {})).rejects.toBeInstanceOf(Unanswered),
  ]);
  expect(queue.items).toEqual([]);
  expect(kernel.got.find((each) => each.method === "queue_start")).toMatchObject({ request_id: "id1" });
});

test("without a sign-in everything is permitted; with one, only what its scopes permit", () => {
  kernel.greet();
  expect(source.person.value.scopes.has("write:queue:edit")).toBe(true);
  expect(source.person.value).toMatchObject({ user: "ada", sharesKey: false });
  kernel.greet({ scopes: ["read:status"] });
  expect([...source.person.value.scopes]).toEqual(["read:status"]);
});

test("the link says who is silent, and is live again by itself", () => {
  expect(source.link.value.state).toBe("connecting");
  kernel.greet();
  expect(source.link.value.state).toBe("live");
  kernel.beat({ age: 3 });
  expect(source.link.value).toMatchObject({ state: "silent" });
  kernel.beat();
  expect(source.link.value.state).toBe("live");
  vi.advanceTimersByTime(6000);
  expect(source.link.value).toMatchObject({ state: "lost" });
  kernel.beat();
  expect(source.link.value.state).toBe("live");
});

test("while the kernel runs a cell, nothing is sent, and the reason says what to do", async () => {
  kernel.greet({ held: true });
  expect(source.held.value).toBe(true);
  await expect(source.send("re_pause", {}, "id")).rejects.toThrow("Interrupt the cell first");
  expect(kernel.got).toEqual([]);
  kernel.beat({ held: false });
  expect(source.held.value).toBe(false);
});

test("after the kernel has ended, requests fail at once", async () => {
  kernel.greet();
  const waiting = expect(source.ask("status", {})).rejects.toBeInstanceOf(Unanswered);
  kernel.received({ type: "ended" });
  await waiting;
  expect(source.link.value.state).toBe("ended");
  await expect(source.ask("status", {})).rejects.toThrow("The kernel has ended.");
  kernel.beat();
  expect(source.link.value.state).toBe("ended");
});

test("a request without an answer fails in the end", async () => {
  kernel.greet();
  const asked = expect(source.ask("status", {})).rejects.toThrow("The kernel does not answer.");
  await vi.advanceTimersByTimeAsync(20_000);
  await asked;
});

const event = (seq: number) => ({ seq, time: 0, type: "history_cleared", items_left: 0 }) as ServiceEvent;

/** The numbers of the events that a listener got, and `gap`. */
function followed(after: number): (number | string)[] {
  const seen: (number | string)[] = [];
  source.events(after, { event: ({ seq }) => seen.push(seq), gap: () => seen.push("gap") });
  return seen;
}

test("events come in order, each once; those that were missed are read", async () => {
  let last = 3;
  kernel.answers.events_get = ({ since }) => {
    const events = Array.from({ length: last }, (_, at) => event(at + 1)).filter(({ seq }) => seq > Number(since));
    return { reply: { events, first: 1, last } };
  };
  kernel.greet();
  const seen = followed(1);
  await vi.advanceTimersByTimeAsync(0);
  expect(seen).toEqual([2, 3]);
  kernel.received({
    type: "news",
    messages: [
      ["event", event(3)],
      ["event", event(4)],
    ],
  });
  last = 7;
  await vi.advanceTimersByTimeAsync(0);
  kernel.received({ type: "news", messages: [["event", event(7)]] });
  await vi.advanceTimersByTimeAsync(0);
  expect(seen.filter((each) => each !== "gap")).toEqual([2, 3, 4, 5, 6, 7]);
});

test("a service whose numbers start again is a gap, and so are events that it has dropped", async () => {
  kernel.answers.events_get = () => ({ reply: { events: [], first: 1, last: 2 } });
  kernel.greet();
  const seen = followed(10);
  await vi.advanceTimersByTimeAsync(0);
  expect(seen).toEqual(["gap"]);
  kernel.answers.events_get = () => ({ reply: { events: [], first: 8, last: 9 } });
  kernel.received({ type: "news", messages: [["resumed", null]] });
  await vi.advanceTimersByTimeAsync(0);
  expect(seen).toEqual(["gap", "gap"]);
  kernel.received({ type: "news", messages: [["event", event(10)]] });
  expect(seen).toEqual(["gap", "gap", 10]);
});

test("the kernel learns which topics somebody listens to", async () => {
  const heard: unknown[] = [];
  const stop = source.listen("console", { message: ({ msg }) => heard.push(msg), connected: () => heard.push("on") });
  expect(kernel.got).toEqual([]);
  kernel.greet();
  expect(kernel.got).toEqual([{ type: "listen", topic: "console" }]);
  kernel.received({
    type: "news",
    messages: [
      ["console", { time: 0, msg: "hello" }],
      ["resumed", null],
    ],
  });
  expect(heard).toEqual(["on", "hello", "on"]);
  stop();
  expect(kernel.got.at(-1)).toEqual({ type: "unlisten", topic: "console" });
});

test("watched devices are read each second, and a refusal is told once", async () => {
  kernel.greet();
  kernel.answers.device_read = () => ({ reply: { devices: { motor: { value: 1 } } } });
  const heard: string[] = [];
  const stop = source.watch(["motor"], {
    message: ({ devices, error }) => heard.push(error || Object.keys(devices).join()),
  });
  await vi.advanceTimersByTimeAsync(1000);
  expect(heard).toEqual(["motor", "motor"]);
  kernel.answers.device_read = () => ({ refused: "closed" });
  await vi.advanceTimersByTimeAsync(2000);
  expect(heard).toEqual(["motor", "motor", "closed"]);
  stop();
});

test("a spreadsheet is sent as text", async () => {
  kernel.greet();
  kernel.answers.sheet_parse = ({ data, name }) => ({ reply: { msg: `${name}: ${atob(String(data))}` } });
  expect(await source.readSheet(new Blob(["plan\ncount"]), "a.csv")).toEqual({ msg: "a.csv: plan\ncount" });
});

test("it tells the kernel that it is still there, and that it was dropped can be seen", async () => {
  kernel.greet();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(kernel.got).toContainEqual({ type: "here" });
  kernel.received({ type: "dropped" });
  expect(source.wasDropped).toBe(true);
  expect(source.link.value.state).toBe("ended");
  await expect(source.parse("count()")).rejects.toBeInstanceOf(Unanswered);
  expect(new Refused("x").code).toBe("");
});
