import { signal } from "@preact/signals";
import { beforeEach, expect, test, vi } from "vitest";
import { type Item, Refused, type ServiceEvent, type Status } from "../source/source";
import { Zone } from "../words/times";
import { Actions } from "./actions";
import { Dialogs } from "./dialogs";
import { FakeSource, plan } from "./fake_source";
import { Notices } from "./notices";
import { Queue } from "./queue";
import { QueueEdit } from "./queue_edit";

let source: FakeSource;
let queue: Queue;
let notices: Notices;
let dialogs: Dialogs;
let edit: QueueEdit;

const text = (items: readonly Item[]) => items.map((item) => item.item_uid).join(" ");
const problems = () => notices.all.value.map((notice) => notice.text);
const moved = (...put: string[]) => source.happened({ type: "queue_changed", put, change: "move", user: "ada" });

beforeEach(async () => {
  source = new FakeSource();
  source.queue = [1, 2, 3, 4].map((num) => plan("abcd"[num - 1] as string, { kwargs: { num } }));
  const take = (event: ServiceEvent) => {
    edit.follow();
    edit.take(event);
  };
  queue = new Queue(source, take);
  notices = new Notices();
  dialogs = new Dialogs();
  const clock = signal({ now: 1000, zone: new Zone(0) });
  const status = signal({ extensions: ["request_id"], manager_state: "idle" } as unknown as Status);
  const actions = new Actions({ source, status, clock, notices, dialogs });
  edit = new QueueEdit({ source, queue, actions, notices, dialogs, devices: signal(new Set<string>()) });
  await vi.waitFor(() => expect(queue.isRead.value).toBe(true));
  edit.follow();
  return () => queue.close();
});

/** All that can happen without an answer of the service has happened: the fake one answers in the same turn. */
const settled = () => new Promise((resolve) => setTimeout(resolve));

test("a move is shown at once, sent as intended, and announced", async () => {
  edit.selection.choose("c");
  edit.selection.toggle("d");
  edit.step(-1);
  expect(text(edit.items.value)).toBe("a c d b");
  expect(edit.announcement.value).toBe("Moved 2 items to position 1 of 4");
  const params = { uids: ["c", "d"], reorder: true, before_uid: "b" };
  await vi.waitFor(() => expect(source.sent).toMatchObject([{ method: "queue_item_move_batch", params }]));
  edit.toPosition(0);
  expect(text(edit.items.value)).toBe("c d a b");
  edit.toPosition(99);
  expect(text(edit.items.value)).toBe("a b c d");
});

test("a move that changes nothing is not sent", () => {
  edit.selection.choose("a");
  edit.step(-1);
  edit.toFront();
  edit.moveTo(1);
  expect([source.sent, edit.announcement.value]).toEqual([[], ""]);
});

test("a refused move is taken back at once, and the reason names the plan, not its uid", async () => {
  source.changes.queue_item_move_batch = () => {
    throw new Refused("The queue does not contain items with the following UIDs: ['c']", "NotFound");
  };
  edit.selection.choose("c");
  edit.toFront();
  expect(text(edit.items.value)).toBe("c a b d");
  await vi.waitFor(() => expect(text(edit.items.value)).toBe("a b c d"));
  expect(problems()).toEqual(["Not moved: count(num=3) is no longer in the queue."]);
});

test("items that leave while they are dragged are named, with the reason", async () => {
  source.happened({ type: "queue_changed", dropped: ["a"] });
  source.happened({ type: "item_started", item_uid: "a" });
  await vi.waitFor(() => expect(queue.running.value?.item_uid).toBe("a"));
  edit.gone(["a"]);
  source.happened({ type: "queue_changed", dropped: ["b", "c"] });
  await vi.waitFor(() => expect(queue.items.value.length).toBe(1));
  edit.gone(["b", "c"]);
  expect(problems()).toEqual([
    "Not moved: count(num=1) is running now.",
    "Not moved: 2 items left the queue while you dragged.",
  ]);
});

test("duplicates are new items behind the last of the selected ones, and selected when they are there", async () => {
  source.changes.queue_item_add_batch = ({ items }) => {
    const added = (items as Item[]).map((item, at) => ({ ...item, item_uid: `new${at}` }));
    source.queue.splice(3, 0, ...added);
    return { success: true, items: added, results: [], qsize: 6 };
  };
  edit.selection.choose("a");
  edit.selection.toggle("c");
  await edit.duplicate();
  const items = [1, 3].map((num) => ({ item_type: "plan", name: "count", kwargs: { num } }));
  expect(source.sent[0]?.params).toEqual({ items, after_uid: "c" });
  source.happened({ type: "queue_changed", put: ["new0", "new1"] });
  await vi.waitFor(() => expect(text(edit.items.value)).toBe("a b c new0 new1 d"));
  await vi.waitFor(() => expect(text(edit.selected())).toBe("new0 new1"));
});

test("what follows a move is sent after it, because it counts on it", async () => {
  let answer = (_: unknown) => {};
  source.changes.queue_item_move_batch = () => new Promise((resolve) => (answer = resolve));
  source.changes.queue_item_add_batch = () => ({ success: true, items: [], results: [], qsize: 4 });
  edit.selection.choose("a");
  edit.toBack();
  const duplicated = edit.duplicate();
  await settled();
  expect(source.sent.map(({ method }) => method)).toEqual(["queue_item_move_batch"]);
  answer({ success: true, items: [], qsize: 4 });
  await duplicated;
  expect(source.sent.map(({ method }) => method)).toEqual(["queue_item_move_batch", "queue_item_add_batch"]);
});

test("clear asks once, and says how many are from others", async () => {
  source.queue.push(plan("e", { user: "grace" }));
  source.happened({ type: "queue_changed", put: ["e"] });
  await vi.waitFor(() => expect(queue.items.value.length).toBe(5));
  const cleared = edit.clear();
  expect(dialogs.confirmation.value?.text).toContain("all 5 items from the queue, 1 of them from other people");
  dialogs.confirmation.value?.answer(false);
  await cleared;
  expect(source.sent).toEqual([]);
});

test("what I did last is undone, also right after it, before its event has come", async () => {
  moved("a");
  await vi.waitFor(() => expect(edit.undo.mine.value?.seq).toBe(1));
  source.changes.queue_item_remove_batch = ({ uids }) => ({
    success: true,
    items: [plan((uids as string[])[0] ?? "")],
  });
  edit.selection.choose("b");
  void edit.remove();
  const undone = edit.undoLast();
  await settled();
  expect(source.sent.map(({ method }) => method)).toEqual(["queue_item_remove_batch"]);
  source.happened({ type: "queue_changed", dropped: ["b"], change: "removal", user: "ada" });
  await undone;
  expect(source.sent[1]).toMatchObject({ method: "queue_undo", params: { event: 2 } });
});

test("undo goes back over my changes, and not over those of others or those that were undone", async () => {
  moved("a");
  source.happened({ type: "queue_changed", put: ["b"], change: "edit", user: "ada" });
  source.happened({ type: "queue_changed", put: ["c"], change: "move", user: "grace" });
  await vi.waitFor(() => expect(edit.undo.mine.value?.seq).toBe(2));
  await vi.waitFor(() => expect(edit.undo.others.value.get("c")?.user).toBe("grace"));
  source.happened({ type: "queue_changed", put: ["b"], change: "undo", undoes: 2, user: "ada" });
  await vi.waitFor(() => expect(edit.undo.mine.value?.seq).toBe(1));
});

test("undo is not offered for items that run, or that others have changed since then", async () => {
  moved("a");
  moved("b");
  moved("c");
  await vi.waitFor(() => expect(edit.undo.mine.value?.seq).toBe(3));
  source.happened({ type: "queue_changed", dropped: ["c"] });
  source.happened({ type: "item_started", item_uid: "c" });
  await vi.waitFor(() => expect(edit.undo.mine.value?.seq).toBe(2));
  source.happened({ type: "queue_changed", put: ["b"], change: "edit", user: "grace" });
  await vi.waitFor(() => expect(edit.undo.mine.value?.seq).toBe(1));
  source.happened({ type: "queue_changed", dropped: ["a", "b", "d"], cleared: true, change: "clear", user: "grace" });
  await vi.waitFor(() => expect(edit.undo.mine.value).toBeNull());
});

test("a change that cannot be undone any more says why, and the one before it is next", async () => {
  moved("a");
  moved("b");
  await vi.waitFor(() => expect(edit.undo.mine.value?.seq).toBe(2));
  source.changes.queue_undo = () => {
    throw new Refused("Failed to undo: Item with UID 'b' has run already", "ItemError");
  };
  await edit.undoLast();
  expect(problems()).toEqual(["Not undone (moved 1 item): count(num=2) has run already."]);
  expect(edit.undo.mine.value?.seq).toBe(1);
});

test("a refused edit names each item that refuses it", async () => {
  const before = edit.items.value.slice(1, 3);
  source.changes.queue_item_update_batch = ({ items }) => {
    const msg = "Plan validation failed: num must be positive";
    const results = (items as Item[]).map((_, at) => (at ? { success: false, msg } : { success: true, msg: "" }));
    throw new Refused("Failed to replace all items: validation of 1 out of 2 failed", "InvalidPlan", { results });
  };
  const after = before.map((item) => ({ ...item, kwargs: { num: -1 } }));
  expect(await edit.replace(after, before)).toBe("2: count(num=3): num must be positive");
  expect(source.sent[0]?.params).toEqual({ items: after, expected: before });
  source.changes.queue_item_update_batch = () => {
    const msg = "The item 'c' has changed since you read it.";
    throw new Refused(msg, "ItemChanged", { results: [msg, msg].map((each) => ({ success: false, msg: each })) });
  };
  expect(await edit.replace(after, before)).toBe("count(num=3) has changed in the meantime.");
});
