/** One item, which may be queued, running or in the history, with its output, its data and its events. */

import { batch, signal } from "@preact/signals";
import type { HistoryItem, Item, Schemas, ServiceEvent, Source } from "../source/source";
import type { ItemEstimate } from "../words/estimates";
import { eventsOf, mayConcern } from "../words/item_events";
import { ItemLog } from "./item_log";
import { Latest } from "./latest";
import { Runs } from "./runs";

export type ItemState = Schemas["ItemState"];

/** Number of latest events to search for events about the item. */
const EVENTS = 5000;

interface Around {
  source: Source;
  /** Find a queued or running item, if it is known. */
  find: (uid: string) => Item | null;
  /** Called when the page is closed. */
  closed: (page: ItemPage) => void;
}

export class ItemPage {
  readonly state = signal<ItemState | null>(null);
  /** The item. It stays here even if the item is removed while the page is open. */
  readonly item = signal<Item | HistoryItem | null>(null);
  readonly estimate = signal<ItemEstimate | null>(null);
  /** The item's events, oldest first. Those that the service no longer keeps are missing. */
  readonly events = signal<readonly ServiceEvent[]>([]);
  /** Why the item cannot be read. */
  readonly problem = signal("");
  readonly log: ItemLog;
  readonly runs: Runs;

  private readonly reading = new Latest<void>((_, isLatest) => this.read(isLatest));
  private seen: ServiceEvent[] = [];

  constructor(
    readonly uid: string,
    private readonly around: Around,
  ) {
    this.log = new ItemLog(around.source, uid);
    this.runs = new Runs(around.source, uid);
    this.reading.submit();
    void this.readEvents();
  }

  /** Read the item again, because it has changed or may have changed. */
  again(): void {
    this.reading.submit();
  }

  take(event: ServiceEvent): void {
    if (event.type === "waiting_changed") return; // these events are frequent
    if (mayConcern(event, this.uid)) {
      this.seen.push(event);
      this.events.value = eventsOf(this.seen, this.uid);
    }
    const isPast = this.state.value?.result !== undefined;
    const isQueue = event.type === "history_cleared" || (event.type === "queue_changed" && !isPast);
    const isMine = "item_uid" in event && event.item_uid === this.uid;
    if (isQueue || isMine || (event.type === "environment_changed" && isActive(this.state.value))) this.again();
  }

  /** The estimates have changed. */
  async readEstimate(): Promise<void> {
    const state = this.state.peek()?.state;
    if (state !== "queued" && state !== "running" && state !== "paused") {
      this.estimate.value = null;
      return;
    }
    const reply = await this.around.source.ask("estimates_get", { uids: [this.uid] }).catch(() => null); // it has left
    this.estimate.value = reply?.estimates[this.uid] ?? null;
  }

  close(): void {
    this.log.close();
    this.runs.close();
    this.around.closed(this);
  }

  private async read(isLatest: () => boolean): Promise<void> {
    try {
      const reply = await this.around.source.ask("item_status", { item_uid: this.uid });
      const state = reply.status as ItemState;
      const item = await this.itemOf(state);
      if (!isLatest()) return;
      batch(() => {
        this.state.value = state;
        this.item.value = item ?? this.item.value;
        this.problem.value = "";
      });
      if (hasRun(state)) {
        this.runs.begin();
        this.log.look(isActive(state));
      }
      await this.readEstimate();
    } catch (error) {
      this.problem.value = error instanceof Error ? error.message : String(error);
    }
  }

  private async itemOf(state: ItemState): Promise<Item | HistoryItem | null> {
    const { source, find } = this.around;
    if (state.state === "queued") {
      const reply = await source.ask("queue_item_get", { uid: this.uid }).catch(() => null); // it has just left
      return reply?.item ?? find(this.uid);
    }
    if (state.result) {
      // `history_get` cannot find items by uid, but plans run one after the other, so each has a different start time.
      const began = state.result.time_start;
      const { items } = await source.ask("history_get", { since: began, until: began, limit: 1 });
      return items.find((item) => item.item_uid === this.uid) ?? find(this.uid);
    }
    const known = find(this.uid);
    if (known || !isActive(state)) return known;
    const { running_item: running } = await source.ask("queue_get", {});
    return running.item_uid === this.uid ? (running as Item) : null;
  }

  private async readEvents(): Promise<void> {
    const reply = await this.around.source.ask("events_get", { limit: EVENTS }).catch(() => null); // or only newer ones
    const first = this.seen[0]?.seq ?? Number.POSITIVE_INFINITY;
    const earlier = (reply?.events ?? []).filter((event) => event.seq < first && mayConcern(event, this.uid));
    this.seen = [...earlier, ...this.seen];
    this.events.value = eventsOf(this.seen, this.uid);
  }
}

/** Whether the item is running or paused. */
export function isActive(state: ItemState | null): boolean {
  return state?.state === "running" || state?.state === "paused";
}

/** Whether the item has run or is running, so that it may have output and data. */
export function hasRun(state: ItemState): boolean {
  return !["queued", "removed", "not_found"].includes(state.state);
}
