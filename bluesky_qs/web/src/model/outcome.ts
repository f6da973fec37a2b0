/** The message about the last addition or change, which is shown only as long as it is true. */

import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Item, Schemas, Source, Status } from "../source/source";
import { planText } from "../words/plan";
import { plural } from "../words/times";
import type { Lists } from "./lists";
import type { Queue } from "./queue";
import { isSameItem } from "./versions";

type Reply = Schemas["ItemAdded"];

/** What was done. */
export interface Outcome {
  /** A plan was added, an item was changed, or items from a table were added. */
  kind: "added" | "changed" | "table";
  text: string;
  /** The items as they were then. */
  items: readonly Item[];
  warnings: readonly string[];
  /** Whether the items have been in this page's queue. Their event may arrive after the answer. */
  isSeen: boolean;
}

interface Around {
  readonly source: Source;
  readonly queue: Queue;
  readonly lists: Lists;
  readonly status: ReadonlySignal<Status | null>;
}

export class Outcomes {
  readonly latest = signal<Outcome | null>(null);
  /** The estimate for the last plan added; null until the service has one. */
  readonly estimate = signal<Schemas["ItemEstimate"] | null>(null);
  private readonly stops: (() => void)[];

  constructor(private readonly around: Around) {
    const { queue, status } = around;
    const version = computed(() => status.value?.estimates_uid);
    const added = computed(() => addedUid(this.latest.value));
    this.stops = [
      effect(() => {
        if (added.value && version.value !== undefined) void this.readEstimate(added.value);
        else this.estimate.value = null;
      }),
      effect(() => this.follow(queue.items.value, queue.running.value as Item | null)),
    ];
  }

  close(): void {
    for (const stop of this.stops) stop();
  }

  /** Find out where an added item is now, because others may have added items in the meantime. Return a function that
   * shows the message. */
  async added(reply: Reply): Promise<() => void> {
    const item = reply.item as Item;
    const call = planText(item, this.around.lists.names.value);
    const found = await this.around.source.ask("item_status", { item_uid: item.item_uid }).catch(() => null);
    const state = found?.status as Schemas["ItemState"] | undefined;
    const isRunning = state?.state === "running";
    // An item that has already left will never be seen.
    const isSeen = state !== undefined && !isRunning && state.position === undefined;
    return () => this.show("added", addedText(call, state?.position, isRunning), reply, isSeen);
  }

  changed(reply: Reply): void {
    const call = planText(reply.item as Item, this.around.lists.names.value);
    this.show("changed", `Changed: ${call}`, reply, false);
  }

  private show(kind: Outcome["kind"], text: string, { item, warnings }: Reply, isSeen: boolean): void {
    this.latest.value = { kind, text, items: [item as Item], warnings: warnings ?? [], isSeen };
    const { items, running } = this.around.queue;
    if (!isSeen) this.follow(items.peek(), running.peek() as Item | null);
  }

  /** Update or remove the message after a change to the queue. */
  private follow(queue: readonly Item[], running: Item | null): void {
    const before = this.latest.peek();
    const now = before && stillTrue(before, queue, running, this.around.lists.names.peek());
    if (now?.text !== before?.text || now?.isSeen !== before?.isSeen) this.latest.value = now;
  }

  private async readEstimate(uid: string): Promise<void> {
    const reply = await this.around.source.ask("estimates_get", { uids: [uid] }).catch(() => null); // it may be gone
    if (addedUid(this.latest.peek()) === uid) this.estimate.value = reply?.estimates[uid] ?? null;
  }
}

/** The uid of a plan that was added; empty after any other change. */
function addedUid(outcome: Outcome | null): string {
  return (outcome?.kind === "added" && outcome.items[0]?.item_uid) || "";
}

/** `Added at position 2: count([det1])`; without a position if it is unknown. */
function addedText(call: string, position: number | undefined, isRunning: boolean): string {
  if (isRunning) return `Added, and running now: ${call}`;
  return position === undefined ? `Added: ${call}` : `Added at position ${position}: ${call}`;
}

/** `Added 3 items at positions 2 to 4`; without positions if the first is unknown, or if others are between them. */
export function addedTableText(count: number, first: number | undefined): string {
  const what = `Added ${plural(count, "item")}`;
  if (first === undefined) return what;
  return count === 1 ? `${what} at position ${first}` : `${what} at positions ${first} to ${first + count - 1}`;
}

/** The message after a change to the queue; null if its items have left, or if somebody else has changed them. */
function stillTrue(
  outcome: Outcome,
  queue: readonly Item[],
  running: Item | null,
  names: ReadonlySet<string>,
): Outcome | null {
  const uids = new Set(outcome.items.map((item) => item.item_uid));
  const here = (item: Item) => uids.has(item.item_uid);
  const at = queue.findIndex(here);
  const item = queue[at] ?? (running && here(running) ? running : null);
  if (item === null || isChangedAgain(outcome, queue[at])) return outcome.isSeen ? null : outcome;
  const place = at >= 0 && queue.slice(at, at + uids.size).every(here) ? at : undefined;
  return { ...outcome, isSeen: true, text: textNow(outcome, place, item, names) };
}

function isChangedAgain({ kind, items }: Outcome, item: Item | undefined): boolean {
  return kind === "changed" && item !== undefined && items.some((each) => !isSameItem(each, item));
}

function textNow(outcome: Outcome, place: number | undefined, item: Item, names: ReadonlySet<string>): string {
  if (outcome.kind === "changed") return outcome.text;
  if (outcome.kind === "table") return addedTableText(outcome.items.length, place);
  return addedText(planText(item, names), place, place === undefined);
}
