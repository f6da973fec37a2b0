/** Estimates for the visible items and for the whole queue. They are requested when the service reports a change. */

import { batch, signal } from "@preact/signals";
import type { Item, Schemas, Source, Status } from "../source/source";

type ItemEstimate = Schemas["ItemEstimate"];
type QueueEstimate = Schemas["QueueEstimate"];

/** Milliseconds to wait until changes and scrolling have stopped. */
const SETTLING = 150;
/** Milliseconds after a change until the estimates are requested again. The service needs a moment to compute them, and
 * reports only those that move the end of the queue. */
const LATER = [2000, 8000];
/** Maximum number of estimates to keep. */
const KEPT = 300;

export class Estimates {
  /** Estimates by uid, for visible items and for some that were visible before. */
  readonly items = signal<ReadonlyMap<string, ItemEstimate>>(new Map());
  /** The estimate for the whole queue; null if it is unknown, or if no view shows the queue. */
  readonly queue = signal<QueueEstimate | null>(null);

  private seen: readonly string[] | null = null;
  private queued: readonly Item[] = [];
  private version = "";
  private soon: ReturnType<typeof setTimeout> | undefined;
  private later: ReturnType<typeof setTimeout>[] = [];

  constructor(private readonly source: Source) {}

  /** Set the visible items; null if no view shows the queue. */
  want(uids: readonly string[] | null): void {
    const known = this.items.peek();
    const before = new Set(this.seen);
    const isNew = this.seen === null || uids?.some((uid) => !known.has(uid) && !before.has(uid));
    this.seen = uids;
    if (uids === null) this.close();
    else if (isNew) this.askSoon();
  }

  /** Request estimates if the queue, the running item or the estimates have changed. */
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
    // No reply means that an item has just left the queue (an event follows) or that the service does not answer (the
    // page shows it).
    const reply = await this.source.ask("estimates_get", { uids }).catch(() => null);
    if (reply === null) return;
    batch(() => {
      const others = [...this.items.value].filter(([uid]) => !(uid in reply.estimates));
      this.items.value = new Map([...others, ...Object.entries(reply.estimates)].slice(-KEPT));
      this.queue.value = reply.queue;
    });
  }
}
