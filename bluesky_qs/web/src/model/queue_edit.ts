/** Edits the queue: select, move, remove, duplicate, edit, clear, undo. Others may edit the queue at the same time. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Change, Item, Refused, ServiceEvent, Source, WritingMethod } from "../source/source";
import { type Find, itemsText, withoutUids } from "../words/changes";
import { actionText } from "../words/event_text";
import { fullSentence } from "../words/refusals";
import { plural } from "../words/times";
import type { Actions } from "./actions";
import { bare } from "./again";
import type { Dialogs } from "./dialogs";
import { type Destination, type Move, Moves, moved } from "./moves";
import type { Notices } from "./notices";
import type { Queue } from "./queue";
import { Selection } from "./selection";
import { type ChangeName, Undo } from "./undo";

/** Maximum number of reasons to list if several items are refused. */
const MOST_REASONS = 3;

const MOVE = "queue_item_move_batch";
/** The beginning of a refusal that has a reason for each item. */
const SINGLE = /validation of \d+ out of \d+/;
/** The changes that can be undone, by method name. */
const CHANGES = {
  [MOVE]: "move",
  queue_item_remove_batch: "removal",
  queue_clear: "clear",
  queue_undo: "undo",
  queue_item_add_batch: null,
} as const satisfies Partial<Record<WritingMethod, ChangeName | null>>;

/** The parts of the model that are used here. */
export interface Around {
  readonly source: Source;
  readonly queue: Queue;
  readonly actions: Actions;
  readonly notices: Notices;
  readonly dialogs: Dialogs;
  readonly devices: ReadonlySignal<ReadonlySet<string>>;
}

export class QueueEdit {
  readonly selection = new Selection();
  readonly undo: Undo;
  /** The queue including moves that the service has not confirmed yet. */
  readonly items: ReadonlySignal<readonly Item[]>;
  /** The last change, as screen readers announce it. */
  readonly announcement = signal("");
  /** Whether the user may change the queue. */
  readonly isAllowed: ReadonlySignal<boolean>;
  private readonly moves: Moves;

  constructor(private readonly around: Around) {
    const { source, queue, actions } = around;
    this.undo = new Undo(source);
    this.moves = new Moves(queue.items, (move) => this.sendMove(move));
    this.items = this.moves.items;
    this.isAllowed = computed(() => actions.may("write:queue:edit"));
  }

  /** Update moves and selection after the queue has changed. */
  follow(): void {
    this.moves.settle();
    this.selection.follow(this.items.value.map((item) => item.item_uid));
  }

  take(event: ServiceEvent): void {
    this.undo.take(event);
  }

  /** The selected items, in the order of the queue. */
  selected(): Item[] {
    const chosen = this.selection.chosen.value;
    return this.items.value.filter((item) => chosen.has(item.item_uid));
  }

  // ------------------------------------------------------------------------------------------------------ moves

  /** Move the selected items to a place between the shown rows; 0 is before the first row. */
  moveTo(place: number): void {
    this.move(this.selection.inOrder(), destinationAt(this.order(), place, this.selection.chosen.peek()));
  }

  /** The position that the first selected item would have after a move to this place between the rows. */
  positionAt(place: number): number {
    const chosen = this.selection.chosen.peek();
    return this.order().filter((uid, at) => at < place && !chosen.has(uid)).length;
  }

  toFront(): void {
    this.move(this.selection.inOrder(), "front");
  }

  toBack(): void {
    this.move(this.selection.inOrder(), "back");
  }

  /** Move the selected items so that the first of them gets this position. */
  toPosition(position: number): void {
    const chosen = this.selection.chosen.peek();
    const next = this.order().filter((uid) => !chosen.has(uid))[position];
    this.move(this.selection.inOrder(), position <= 0 ? "front" : next === undefined ? "back" : { before: next });
  }

  /** Move the selected items up or down by one place. */
  step(by: 1 | -1): void {
    const order = this.order();
    const places = this.selection.inOrder().map((uid) => this.selection.place(uid));
    const [first, last] = [places[0], places.at(-1)];
    if (first === undefined || last === undefined) return;
    this.moveTo(by < 0 ? Math.max(first - 1, 0) : Math.min(last + 2, order.length));
  }

  move(uids: readonly string[], to: Destination): void {
    const before = this.items.peek();
    const here = new Set(before.map((item) => item.item_uid));
    const there = uids.filter((uid) => here.has(uid));
    const move = { uids: there, to };
    if (moved(before, move).every((item, at) => item === before[at])) return;
    this.moves.add(move);
    const after = this.items.peek();
    this.follow();
    const items = after.filter((item) => there.includes(item.item_uid));
    const place = this.selection.place(there[0] ?? null);
    this.announcement.value = `Moved ${this.text(items)} to position ${place} of ${after.length}`;
  }

  /** Report that dragged items have left the queue. */
  gone(uids: readonly string[]): void {
    const items = uids.map((uid) => this.around.queue.find(uid)).filter((item) => item !== null);
    const running = this.around.queue.running.value?.item_uid;
    const what = items.length === uids.length ? this.text(items) : plural(uids.length, "item");
    const why = uids.length === 1 && uids[0] === running ? "is running now" : "left the queue while you dragged";
    this.around.notices.problem(`Not moved: ${what} ${why}.`);
  }

  private async sendMove({ uids, to }: Move): Promise<boolean> {
    const where =
      typeof to === "string" ? { pos_dest: to } : "before" in to ? { before_uid: to.before } : { after_uid: to.after };
    return (await this.run(MOVE, { uids: [...uids], reorder: true, ...where }, "Not moved")) !== null;
  }

  // ---------------------------------------------------------------------------------------- items come and go

  async remove(): Promise<void> {
    const items = this.selected();
    if (items.length === 0) return;
    const uids = items.map((item) => item.item_uid);
    const reply = await this.run("queue_item_remove_batch", { uids }, "Not removed");
    if (reply) this.announcement.value = `Removed ${this.text(reply.items)}`;
  }

  /** Add copies of the selected items after the last of them, and select the copies. */
  async duplicate(): Promise<void> {
    const items = this.selected();
    const last = items.at(-1);
    if (!last) return;
    const params = { items: items.map(bare), after_uid: last.item_uid };
    const reply = await this.run("queue_item_add_batch", params, "Not duplicated");
    if (!reply) return;
    this.selection.chooseWhenThere(reply.items.map((item) => item.item_uid));
    this.announcement.value = `Duplicated ${this.text(items)}`;
  }

  /** Remove all items after a confirmation. */
  async clear(): Promise<void> {
    const items = this.items.value;
    const me = this.around.source.person.value.user;
    const others = items.filter((item) => item.user !== me).length;
    const whose = others > 0 && others < items.length ? `, ${others} of them from other people` : "";
    const text = `This removes ${all(items.length)} from the queue${whose}. You can undo this for an hour.`;
    const isSure = await this.around.dialogs.confirm({ title: "Clear the queue?", text, action: "Clear" });
    if (isSure && (await this.run("queue_clear", {}, "Not cleared"))) this.announcement.value = "Cleared the queue";
  }

  /** Undo the user's latest change. If that fails, the next attempt tries the previous change. */
  async undoLast(): Promise<void> {
    await this.moves.answered();
    await this.undo.isComplete();
    const event = this.undo.mine.value;
    if (!event) return;
    const failed = () => this.undo.skip(event.seq);
    const reply = await this.run("queue_undo", { event: event.seq }, `Not undone (${actionText(event)})`, failed);
    if (reply) this.announcement.value = `Undone: ${actionText(event)}`;
  }

  // ------------------------------------------------------------------------------------------------------ edits

  /** Replace all of the items or none. `before` are the versions that were read. Returns the error, empty on success.
   * */
  async replace(items: readonly Item[], before: readonly Item[]): Promise<string> {
    const refusals: Refused[] = [];
    const refused = (refusal: Refused) => refusals.push(refusal);
    const method = "queue_item_update_batch";
    const params = { items: [...items], expected: [...before] };
    await this.moves.answered();
    const answered = this.undo.awaitEvent("edit");
    const reply = await this.around.actions.run(method, params, { refused });
    answered(reply !== null);
    if (reply) this.announcement.value = `Changed ${this.text(reply.items)}`;
    const [refusal] = refusals;
    if (!refusal) return reply ? "" : "There was no answer.";
    const words = () => this.refusedItems(refusal, before) || this.sentence(refusal);
    return this.around.actions.reason(method, refusal, words);
  }

  /** The reasons why items were refused, with their names. */
  private refusedItems({ message, reply }: Refused, items: readonly Item[]): string {
    if (!SINGLE.test(message)) return ""; // the whole request was refused for another reason
    const results = (reply.results ?? []) as { success: boolean; msg: string }[];
    const wrong = results.flatMap(({ success, msg }, at) => {
      const item = items[at];
      if (success || !item) return [];
      const place = this.selection.place(item.item_uid);
      return [`${place < 0 ? "" : `${place}: `}${this.text([item])}: ${this.readable(msg)}`];
    });
    if (wrong.length === 0) return "";
    const more = wrong.length > MOST_REASONS ? `; and ${wrong.length - MOST_REASONS} more` : "";
    return wrong.slice(0, MOST_REASONS).join("; ") + more;
  }

  // ---------------------------------------------------------------------------------------------------- helpers

  private async run<M extends keyof typeof CHANGES>(method: M, params: Change<M>, lead: string, failed?: () => void) {
    if (method !== MOVE) await this.moves.answered();
    const change = CHANGES[method];
    const answered = change ? this.undo.awaitEvent(change) : () => {};
    const words = (refusal: Refused) => {
      failed?.();
      return `${lead}: ${this.sentence(refusal)}`;
    };
    const reply = await this.around.actions.run(method, params, { words });
    answered(reply !== null);
    return reply;
  }

  private sentence(refusal: Refused): string {
    return fullSentence(this.readable(refusal.message));
  }

  private readable(message: string): string {
    return withoutUids(message, this.find, this.around.devices.value);
  }

  private readonly find: Find = (uid) => this.around.queue.find(uid);

  private text(items: readonly Item[]): string {
    return itemsText(items, this.around.devices.value);
  }

  private order(): string[] {
    return this.items.peek().map((item) => item.item_uid);
  }
}

/** The destination for a place between the items; 0 is the front. */
export function destinationAt(order: readonly string[], place: number, moving: ReadonlySet<string>): Destination {
  const next = order.slice(place).find((uid) => !moving.has(uid));
  if (next === undefined) return "back";
  return order.slice(0, place).every((uid) => moving.has(uid)) ? "front" : { before: next };
}

function all(count: number): string {
  return count === 1 ? "the only item" : `all ${count} items`;
}
