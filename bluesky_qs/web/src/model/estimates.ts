/** How long the items take that are seen, and the whole queue: asked for when the service says that it has changed. */

import { batch, signal } from "@preact/signals";
import type { Item, Schemas, Source, Status } from "../source/source";

type ItemEstimate = Schemas["ItemEstimate"];
type QueueEstimate = Schemas["QueueEstimate"];

/** Milliseconds that changes, and scrolling, may take to settle. */
const SETTLING = 150;
/** Milliseconds after a change at which they are asked for again: the service makes estimates a moment after it, and
 * tells only of those that move the end of the queue. */
const LATER = [2000, 8000];
/** Items whose estimates are kept. */
const KEPT = 1000;

export class Estimates {
  /** Estimates by uid: of the items that are seen now, and of some that were. */
  readonly items = signal<ReadonlyMap<string, ItemEstimate>>(new Map());
  /** That of the whole queue; null if it is not known, or if nobody looks at the queue. */
  readonly queue = signal<QueueEstimate | null>(null);

  private seen: readonly string[] | null = null;
  private queued: readonly Item[] = [];
  private version = "";
  private soon: ReturnType<typeof setTimeout> | undefined;
  private later: ReturnType<typeof setTimeout>[] = [];

  constructor(private readonly source: Source) {}

  /** These items are seen; null if nobody looks at the queue. */
  want(uids: readonly string[] | null): void {
    const known = this.items.peek();
    const before = new Set(this.seen);
    const isNew = this.seen === null || uids?.some((uid) => !known.has(uid) && !before.has(uid));
    this.seen = uids;
    if (uids === null) this.close();
    else if (isNew) this.askSoon();
  }

  /** The queue, the running item, or the estimates may have changed. */
  look(queued: readonly Item[], status: Status | null): void {
    if (status === null) return;
    const version = [status.estimates_uid, status.running_item_uid, status.plan_queue_mode?.loop].join();
    if (queued === this.queued && version === this.version) return;
    const isEdited = queued !== this.queued;
    this.queued = queued;
    this.version = version;
    if (this.seen === null) return;
    this.askSoon();
    if (isEdited) this.askLater();
  }

  close(): void {
    for (const timer of [this.soon, ...this.later]) clearTimeout(timer);
    this.later = [];
  }

  private askSoon(): void {
    clearTimeout(this.soon);
    this.soon = setTimeout(() => void this.read(), SETTLING);
  }

  private askLater(): void {
    for (const timer of this.later) clearTimeout(timer);
    this.later = LATER.map((delay) => setTimeout(() => void this.read(), delay));
  }

  private async read(): Promise<void> {
    if (this.seen === null) return;
    const queued = new Set(this.queued.map((item) => item.item_uid));
    const uids = this.seen.filter((uid) => queued.has(uid));
    // Refused if an item has just left, which the next event says; or if the service does not answer, which is shown.
    const reply = await this.source.ask("estimates_get", { uids }).catch(() => null);
    if (reply === null) return;
    batch(() => {
      const all = new Map([...this.items.value, ...Object.entries(reply.estimates)]);
      this.items.value = new Map([...all].slice(-KEPT));
      this.queue.value = reply.queue;
    });
  }
}
