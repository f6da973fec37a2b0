import { batch, signal } from "@preact/signals";
import { beforeEach, expect, test, vi } from "vitest";
import { type Item, Refused, type Status } from "../source/source";
import type { Known } from "../words/completion";
import { planText } from "../words/plan";
import examples from "../words/prompt.json";
import { Actions } from "./actions";
import { Composer } from "./composer";
import { Dialogs } from "./dialogs";
import { FakeSource, plan } from "./fake_source";
import { entryOf, type Field } from "./form";
import { Lists } from "./lists";
import { Notices } from "./notices";
import { Queue } from "./queue";

const known = examples.described as unknown as Known;
const COUNT = { item_type: "plan", name: "count", args: [["det1"]], kwargs: { num: 3 } } as const;
/** What the door reads in these texts. */
const PARSED: Record<string, object> = {
  "count([det1], num=3)": { item: COUNT, names: [{ name: "det1", column: 7, length: 4 }] },
  "count([det1], num=5)": { item: { ...COUNT, kwargs: { num: 5 } } },
  "count([det1])": { item: { ...COUNT, kwargs: {} } },
  "RE(count([det1]), sample=S01)": { item: { ...COUNT, kwargs: {}, meta: { sample: "S01" } } },
  "count([dte1])": { item: COUNT, names: [{ name: "dte1", column: 7, length: 4 }] },
};

let source: FakeSource;
let composer: Composer;
let queue: Queue;
const beside = signal<Item | null>(null);

beforeEach(async () => {
  source = new FakeSource();
  beside.value = null;
  source.parsed = (text) => {
    const found = PARSED[text];
    if (found) return { success: true, msg: "", errors: [], ...found } as never;
    return {
      success: false,
      msg: "no",
      item: null,
      errors: [{ msg: "Invalid syntax", column: text.length - 1, length: 1 }],
    };
  };
  source.answers.item_check = () => ({ results: [{ success: true, msg: "", errors: [], arguments: {} }] });
  source.changes.queue_item_add = ({ item }) => {
    const added = { ...(item as Item), item_uid: "new", user: "ada", user_group: "primary" };
    source.queue = [...source.queue, added];
    return { success: true, item: added, qsize: source.queue.length };
  };
  const status = signal<Status | null>({ estimates_uid: "e" } as Status);
  const clock = signal({ now: 0, zone: null as never });
  source.answers.plans_allowed = () => ({ plans_allowed: known.plans });
  source.answers.devices_allowed = () => ({ devices_allowed: known.devices });
  const lists = new Lists(source);
  lists.look({ devices_allowed_uid: "1", plans_allowed_uid: "1" } as Status);
  await lists.read();
  queue = new Queue(source, () => {});
  const actions = new Actions({ source, status, clock, notices: new Notices(), dialogs: new Dialogs() });
  composer = new Composer({ source, actions, queue, lists, status, clock, beside });
});

async function typed(text: string): Promise<void> {
  composer.type(text);
  await vi.waitFor(() => expect(composer.reading.value.text).toBe(text));
}

test("a typed plan is added, its place is shown, and it can be recalled", async () => {
  source.queue = [plan("a"), plan("b")];
  composer.setMeta([{ key: "sample", text: "S03" }]);
  await typed("count([det1], num=3)");
  expect(await composer.submit()).toBe(true);
  expect(composer.outcome.value?.text).toBe("Added at position 2: count([det1], num=3)");
  expect(source.sent[0]?.params).toEqual({ item: { ...COUNT, meta: { sample: "S03" } } });
  expect(composer.text.value).toBe("");
  expect(composer.recall()).toBe(true);
  expect([composer.text.value, composer.meta.value]).toEqual([
    "count([det1], num=3)",
    [{ key: "sample", text: "S03" }],
  ]);
  expect(composer.recall()).toBe(false);
});

test("the message about an addition follows the plan, and goes with it", async () => {
  const message = () => composer.outcome.value?.text;
  await vi.waitFor(() => expect(queue.isRead.value).toBe(true));
  await typed("count([det1], num=3)");
  await composer.submit();
  expect(message()).toBe("Added at position 0: count([det1], num=3)");
  const added = source.queue.at(-1) as Item;
  queue.items.value = [plan("other"), added];
  expect(message()).toBe("Added at position 1: count([det1], num=3)");
  queue.items.value = [{ ...added, kwargs: { num: 5 } }];
  expect(message()).toBe("Added at position 0: count([det1], num=5)");
  batch(() => {
    queue.items.value = [];
    queue.running.value = added;
  });
  expect(message()).toBe("Added, and running now: count([det1], num=3)");
  queue.running.value = null;
  expect(message()).toBeUndefined();
});

test("only the newest text is read while an answer is awaited, and only its answer counts", async () => {
  const asked: string[] = [];
  const answer = source.parsed;
  let free = () => {};
  const isFree = new Promise<void>((resolve) => {
    free = resolve;
  });
  source.parsed = async (text, paths) => {
    asked.push(text);
    if (text === "c") await isFree;
    return answer(text, paths);
  };
  for (const text of ["c", "co", "count([det1]", "count([det1])"]) {
    composer.type(text);
    if (text === "c") await vi.waitFor(() => expect(asked).toEqual(["c"]));
  }
  free();
  await vi.waitFor(() => expect(composer.reading.value.text).toBe("count([det1])"));
  expect(asked).toEqual(["c", "count([det1])"]);
  expect(composer.reading.value.errors).toEqual([]);
});

test.each([
  ["count([det1", "Invalid syntax", 10, 1],
  ["count([dte1])", "There is no device or plan 'dte1' (did you mean 'det1'?). Put plain text in quotes: 'dte1'", 7, 4],
])("%s is not added, and the error has a place", async (text, reason, column, length) => {
  composer.type(text);
  expect(await composer.submit()).toBe(false);
  expect(composer.reading.value.errors).toEqual([{ text: reason, column, length, path: [] }]);
  expect(source.sent).toEqual([]);
});

test("what the service says is shown while one types, at its place", async () => {
  const finding = {
    parameter: "num",
    value: 3,
    reason: "is greater than the maximum 2",
    suggestions: [],
    path: ["num"],
  };
  source.answers.item_check = () => ({ results: [{ success: false, msg: "…", errors: [finding], arguments: {} }] });
  const answer = source.parsed;
  source.parsed = (text, paths) =>
    ({ ...answer(text, paths), places: paths.map(() => ({ column: 14, length: 5 })) }) as never;
  await typed("count([det1], num=3)");
  expect(composer.reading.value.errors).toEqual([
    { text: "3 is greater than the maximum 2", column: 14, length: 5, path: ["num"] },
  ]);
});

test("places are counted as the browser counts them", async () => {
  const text = "count(['🙂'], nmu=1)";
  source.parsed = () => ({ success: false, msg: "", item: null, errors: [{ msg: "no", column: 13, length: 3 }] });
  await typed(text);
  const [fault] = composer.reading.value.errors;
  expect(text.slice(fault?.column, (fault?.column ?? 0) + (fault?.length ?? 0))).toBe("nmu");
});

test("line and form are the same plan, and metadata of RE goes to the metadata", async () => {
  await typed("RE(count([det1]), sample=S01)");
  await composer.openForm();
  expect(composer.form.value?.entries).toMatchObject({ detectors: { value: ["det1"] } });
  expect(composer.meta.value).toEqual([{ key: "sample", text: "S01" }]);
  const num = composer.form.value?.fields.find((field) => field.name === "num") as Field;
  composer.fill(num, entryOf(num, "5"));
  expect(composer.text.value).toBe("count([det1], num=5)");
  composer.fill(num, entryOf(num, "five"));
  expect([composer.text.value, composer.problems.value]).toEqual([
    "count([det1], num=5)",
    { num: "five is not a number" },
  ]);
  expect(await composer.submit()).toBe(false);
  composer.fill(num, entryOf(num, "5"));
  composer.closeForm();
  expect(await composer.submit()).toBe(true);
  expect(source.sent[0]?.params).toEqual({ item: { ...COUNT, kwargs: { num: 5 }, meta: { sample: "S01" } } });
});

test("a form takes over what is half typed", async () => {
  composer.type("count([det1], nu");
  await composer.openForm();
  expect(composer.form.value?.entries).toMatchObject({ detectors: { value: ["det1"] } });
  composer.closeForm();
  composer.type("cou");
  await composer.openForm();
  expect(composer.form.value?.name).toBe("");
  composer.choosePlan("count");
  expect(composer.form.value?.fields.map((field) => field.name)).toEqual(["detectors", "num", "delay", "md"]);
});

test.each([
  ["front", { pos: "front" }],
  ["before", { before_uid: "b" }],
  ["after", { after_uid: "b" }],
  ["back", {}],
] as const)("a plan is added at the %s", async (place, where) => {
  beside.value = plan("b");
  composer.place.value = place;
  composer.type("count([det1])");
  await composer.submit();
  expect(source.sent[0]?.params).toEqual({ item: { ...COUNT, kwargs: undefined }, ...where });
});

const QUEUED = plan("a", { args: [["det1"]], kwargs: { num: 3 }, meta: [{ sample: "S01" }] });

test("an edit sends the item as it was read, and keeps what is not changed", async () => {
  source.changes.queue_item_update = ({ item }) => ({ success: true, item });
  composer.edit(QUEUED);
  expect(composer.isDirty.value).toBe(false);
  composer.type("count([det1], num=5)");
  expect(composer.isDirty.value).toBe(true);
  expect(await composer.submit()).toBe(true);
  const item = { ...QUEUED, kwargs: { num: 5 } };
  expect(source.sent[0]).toMatchObject({ method: "queue_item_update", params: { item, expected: QUEUED } });
  expect(composer.outcome.value?.text).toBe("Changed: count([det1], num=5)");
  expect(composer.subject.value.kind).toBe("new");
  queue.items.value = [item];
  expect(composer.outcome.value?.text).toBe("Changed: count([det1], num=5)");
  queue.items.value = [{ ...item, kwargs: { num: 6 }, user: "grace" }];
  expect(composer.outcome.value).toBeNull();
});

test("an edit of an item that has changed is refused, and mine can be saved over it", async () => {
  const theirs = { ...QUEUED, kwargs: { num: 4 }, user: "grace" };
  source.changes.queue_item_update = ({ item, expected }) => {
    if (JSON.stringify(expected) === JSON.stringify(theirs)) return { success: true, item };
    throw new Refused("The item 'a' has changed", "ItemChanged", { item: theirs });
  };
  composer.edit(QUEUED);
  composer.type("count([det1], num=5)");
  expect(await composer.submit()).toBe(false);
  expect(composer.conflict.value).toEqual({ theirs, isRefused: true });
  expect(composer.text.value).toBe("count([det1], num=5)");
  expect(composer.reading.value.call?.kwargs).toEqual({ num: 5 }); // for the comparison of both
  expect(await composer.keepMine()).toBe(true);
});

test("while one edits, a change by others is shown, and theirs can be taken", () => {
  composer.edit(QUEUED);
  composer.follow([{ ...QUEUED }]);
  expect(composer.conflict.value).toBeNull();
  const theirs = { ...QUEUED, kwargs: { num: 4 } };
  composer.follow([theirs]);
  expect(composer.conflict.value).toEqual({ theirs, isRefused: false });
  composer.takeTheirs();
  expect([composer.text.value, composer.conflict.value]).toEqual([planText(theirs, new Set(["det1"])), null]);
  composer.follow([]);
  expect(composer.conflict.value).toEqual({ theirs: null, isRefused: false });
});

test("mine is added as a new item if the edited one is gone", async () => {
  composer.edit(QUEUED);
  composer.follow([]);
  composer.type("count([det1], num=5)");
  expect(await composer.addMine()).toBe(true);
  expect(source.sent[0]).toMatchObject({ method: "queue_item_add", params: { item: { kwargs: { num: 5 } } } });
});

test("a copy of an item of the history that is not changed is sent as it was", async () => {
  composer.again({ ...QUEUED, result: {} } as never);
  expect(await composer.submit()).toBe(true);
  const { args, kwargs, meta } = QUEUED;
  expect(source.sent[0]?.params).toEqual({ item: { item_type: "plan", name: "count", args, kwargs, meta } });
});

test("a refusal that no part of the plan explains is shown", async () => {
  source.changes.queue_item_add = () => {
    throw new Refused("Failed to add an item: the queue is full", "Refused");
  };
  composer.type("count([det1])");
  expect(await composer.submit()).toBe(false);
  expect(composer.problem.value).toContain("the queue is full");
});
