/** The queue: read once, then kept up to date by events. */

import { batch, signal } from "@preact/signals";
import {
  Forbidden,
  type Item,
  type RunningItem,
  type Schemas,
  type ServiceEvent,
  type Source,
  type Status,
  type Stop,
} from "../source/source";

type ItemState = Schemas["ItemState"];
type QueueChanged = Extract<ServiceEvent, { type: "queue_changed" }>;

/** Maximum number of changed items to request one by one. If more have changed, the whole queue is read again. */
const MOST = 25;
/** Milliseconds after a change during which an item's position may still shift before the event arrives. */
const SETTLING = 2000;
/** Milliseconds between attempts while the service does not answer. */
const RETRY = 1000;
/** Milliseconds for which the status may disagree with the events. */
const DOUBT = 1500;
/** Maximum number of items to keep after they leave the queue, because one of them may be about to start. */
const MOST_GONE = 100;

export class Queue {
  readonly items = signal<readonly Item[]>([]);
  readonly running = signal<RunningItem | null>(null);
  /** Whether the queue has been read. */
  readonly isRead = signal(false);
  /** Why the queue cannot be read. */
  readonly problem = signal("");

  private stop: Stop | null = null;
  private work: Promise<void> = Promise.resolve();
  private waiting: ServiceEvent[] = [];
  /** Items whose positions are uncertain, and when they changed. */
  private readonly unsettled = new Map<string, number>();
  private readonly gone = new Map<string, Item>();
  /** Whether the running item was never seen in the queue. */
  private isRunningUnknown = false;
  private doubtSince: number | null = null;
  private isClosed = false;

  /** `onEvent` is called with each event after the queue has processed it. */
  constructor(
    private readonly source: Source,
    private readonly onEvent: (event: ServiceEvent) => void,
  ) {
    this.schedule(() => this.begin());
  }

  close(): void {
    this.isClosed = true;
    this.stop?.();
  }

  /** Compare the queue with the status, because an event may be missing. */
  compare(status: Status): void {
    const running = this.running.value?.item_uid ?? null;
    const isSame = status.items_in_queue === this.items.value.length && status.running_item_uid === running;
    if (isSame || !this.isRead.value) {
      this.doubtSince = null;
    } else if (this.doubtSince === null) {
      this.doubtSince = Date.now();
    } else if (Date.now() - this.doubtSince > DOUBT) {
      this.doubtSince = null;
      this.schedule(() => this.read());
    }
  }

  /** Find an item that is queued, is running, or has just left the queue; null for any other item. */
  find(uid: string): Item | null {
    const running = this.running.peek();
    if (running?.item_uid === uid) return running as Item;
    return this.items.peek().find((item) => item.item_uid === uid) ?? this.gone.get(uid) ?? null;
  }

  private schedule(work: () => Promise<void>): void {
    this.work = this.work.then(() => this.insisting(work));
  }

  private async insisting(work: () => Promise<void>): Promise<void> {
    while (!this.isClosed) {
      try {
        await work();
        return;
      } catch (error) {
        if (error instanceof Forbidden) {
          this.problem.value = error.message;
          return;
        }
        // The page shows that the service does not answer. When it answers again, read everything again.
        await new Promise((resolve) => setTimeout(resolve, RETRY));
        work = this.stop ? () => this.read() : () => this.begin();
      }
    }
  }

  private async begin(): Promise<void> {
    const { last } = await this.source.ask("events_get", { limit: 0 });
    await this.read();
    this.stop = this.source.events(last, {
      event: (event) => this.take(event),
      gap: () => this.schedule(() => this.read()),
    });
  }

  private async read(): Promise<void> {
    const queue = await this.source.ask("queue_get", {});
    batch(() => {
      this.items.value = queue.items;
      this.running.value = queue.running_item.item_uid ? queue.running_item : null;
      this.isRead.value = true;
    });
    this.isRunningUnknown = false;
    this.unsettled.clear();
  }

  /** Collect events that arrive together, and handle them together. */
  private take(event: ServiceEvent): void {
    this.waiting.push(event);
    if (this.waiting.length === 1) this.schedule(() => this.handle());
  }

  private async handle(): Promise<void> {
    const events = this.waiting;
    this.waiting = [];
    try {
      for (const event of events) this.leave(event);
      await this.place(events.filter((event) => event.type === "queue_changed"));
      for (const event of events) this.run(event);
    } finally {
      for (const event of events) this.onEvent(event);
    }
    if (this.isRunningUnknown) await this.read();
  }

  private leave(event: ServiceEvent): void {
    if (event.type !== "queue_changed") return;
    const dropped = new Set(event.dropped);
    if (!event.cleared && dropped.size === 0) return;
    const left = (item: Item) => event.cleared || dropped.has(item.item_uid);
    for (const item of this.items.value.filter(left).slice(0, MOST_GONE)) this.gone.set(item.item_uid, item);
    for (const uid of [...this.gone.keys()].slice(0, -MOST_GONE)) this.gone.delete(uid);
    this.items.value = this.items.value.filter((item) => !left(item));
    for (const uid of dropped) this.unsettled.delete(uid);
  }

  private async place(changes: QueueChanged[]): Promise<void> {
    const put = new Set(changes.flatMap((change) => change.put ?? []));
    if (changes.some((change) => change.put_count || change.dropped_count) || put.size > MOST) {
      await this.read();
      return;
    }
    if (put.size === 0) return;
    const now = Date.now();
    for (const [uid, since] of this.unsettled) if (now - since > SETTLING) this.unsettled.delete(uid);
    for (const uid of put) this.unsettled.set(uid, now);
    const uids = [...this.unsettled.keys()];
    const known = new Map(this.items.value.map((item) => [item.item_uid, item]));
    const [{ status }, ...items] = await Promise.all([
      this.source.ask("item_status", { item_uid: uids }),
      ...uids.map((uid) => (put.has(uid) ? this.item(uid) : known.get(uid))),
    ]);
    const states = status as Record<string, ItemState>;
    this.insert(uids.map((uid, at) => [states[uid]?.position, items[at]]));
  }

  private insert(found: [number | undefined, Item | null | undefined][]): void {
    const moved = new Set(this.unsettled.keys());
    const items = this.items.value.filter((item) => !moved.has(item.item_uid));
    const placed = found.filter((each): each is [number, Item] => each[0] !== undefined && Boolean(each[1]));
    for (const [position, item] of placed.sort((a, b) => a[0] - b[0])) items.splice(position, 0, item);
    this.items.value = items;
  }

  /** Request a queued item; null if it has left the queue in the meantime (an event will follow). */
  private async item(uid: string): Promise<Item | null> {
    try {
      return (await this.source.ask("queue_item_get", { uid })).item;
    } catch (error) {
      const isThere = await this.source.ask("item_status", { item_uid: uid });
      if ((isThere.status as ItemState).state === "queued") throw error;
      return null;
    }
  }

  private run(event: ServiceEvent): void {
    if (event.type === "item_started") {
      const item = this.gone.get(event.item_uid) ?? this.items.value.find((each) => each.item_uid === event.item_uid);
      this.items.value = this.items.value.filter((each) => each.item_uid !== event.item_uid);
      this.running.value = item ? { ...item, properties: { time_start: event.time } } : null;
      this.isRunningUnknown = !item;
    } else if (event.type === "item_ended") {
      this.running.value = null;
      this.isRunningUnknown = false;
    }
  }
}
