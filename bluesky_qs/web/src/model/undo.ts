/** Queue changes that the user can undo, and changes by others, collected from events as at the prompt
 * (`ipython_extension/shown/undo_text.py`). */

import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import type { ServiceEvent, Source } from "../source/source";

export type QueueChanged = Extract<ServiceEvent, { type: "queue_changed" }>;

/** Seconds after which the service can no longer undo a change. */
const HOUR = 3600;
/** Number of events to read when the page opens. */
const EVENTS = 500;
/** Number of changes to keep. */
const KEPT = 200;
/** Maximum number of remembered items that left the queue by themselves. */
const MOST_LEFT = 1000;

/** Milliseconds to wait for an event after the answer. A request that changes nothing causes no event. */
const LATEST = 1000;

export type ChangeName = NonNullable<QueueChanged["change"]>;

export class Undo {
  /** The user's latest change that can be undone. */
  readonly mine: ReadonlySignal<QueueChanged | null>;
  /** The latest change by another user, by item uid. */
  readonly others = signal<ReadonlyMap<string, QueueChanged>>(new Map());
  /** The user's changes whose events have not arrived yet. */
  private readonly awaited = signal<readonly { change: ChangeName }[]>([]);
  private readonly changes = signal<readonly QueueChanged[]>([]);
  /** Items that left the queue by themselves, because they are running or have run. */
  private readonly left = signal<ReadonlySet<string>>(new Set());
  /** Event numbers of changes that the service can no longer undo. */
  private readonly skipped = signal<ReadonlySet<number>>(new Set());

  constructor(private readonly source: Source) {
    this.mine = computed(() => {
      const possible = this.changes.value.filter((event) => !this.skipped.value.has(event.seq));
      return ownChange(possible, source.person.value.user, source.now(), this.left.value);
    });
    void this.begin();
  }

  /** Read earlier changes. */
  private async begin(): Promise<void> {
    const reply = await this.source.ask("events_get", { limit: EVENTS }).catch(() => null); // else only newer ones
    const all = (reply?.events ?? []).filter((event) => event.type === "queue_changed");
    for (const event of all) this.note(event);
    const earlier = all.filter((event) => event.user);
    const later = this.changes.peek();
    const first = later[0]?.seq ?? Number.POSITIVE_INFINITY;
    this.changes.value = [...earlier.filter((event) => event.seq < first), ...later].slice(-KEPT);
  }

  /** Expect an event about a change that is being sent. Call the returned function with the outcome. */
  awaitEvent(change: ChangeName): (isMade: boolean) => void {
    const awaited = { change };
    const forget = () => {
      this.awaited.value = this.awaited.value.filter((each) => each !== awaited);
    };
    this.awaited.value = [...this.awaited.value, awaited];
    return (isMade) => void (isMade ? setTimeout(forget, LATEST) : forget());
  }

  /** Wait for the events of all changes, so that the latest change is known. */
  isComplete(): Promise<void> {
    return new Promise((resolve) => {
      const stop = effect(() => {
        if (this.awaited.value.length > 0) return;
        resolve();
        queueMicrotask(() => stop());
      });
    });
  }

  /** Mark a change as one that cannot be undone. */
  skip(number: number): void {
    this.skipped.value = new Set([...this.skipped.value, number]);
  }

  private note(event: QueueChanged): void {
    const dropped = event.change || event.undoes || event.cleared ? [] : (event.dropped ?? []);
    if (dropped.length > 0) this.left.value = new Set([...[...this.left.value].slice(-MOST_LEFT), ...dropped]);
  }

  take(event: ServiceEvent): void {
    if (event.type !== "queue_changed") return;
    this.note(event);
    if (!event.user) return;
    this.changes.value = [...this.changes.value, event].slice(-KEPT);
    const me = this.source.person.value.user;
    const awaited = event.user === me ? this.awaited.value.findIndex(({ change }) => change === event.change) : -1;
    if (awaited >= 0) this.awaited.value = this.awaited.value.toSpliced(awaited, 1);
    if (event.user !== me && event.put) {
      const all = new Map([...this.others.value, ...event.put.map((uid) => [uid, event] as const)]);
      this.others.value = new Map([...all].slice(-KEPT));
    }
  }
}

/** The user's latest change that can be undone, ignoring undos and the changes that they reversed.
 *
 * Like the service, this ignores changes to an item that has been changed again since then or is in `left`.
 */
export function ownChange(
  events: readonly QueueChanged[],
  user: string,
  now: number,
  left: ReadonlySet<string>,
): QueueChanged | null {
  const over = new Set(left);
  for (const event of inEffect(events.filter(({ time }) => time >= now - HOUR))) {
    const uids = [...(event.put ?? []), ...(event.dropped ?? [])];
    if (event.user === user && !uids.some((uid) => over.has(uid))) return event;
    for (const uid of uids) over.add(uid);
  }
  return null;
}

/** The changes that are in effect, latest first, without undos, changes that they reversed, and additions. */
function* inEffect(events: readonly QueueChanged[]): Generator<QueueChanged> {
  const undone = new Set<number>();
  for (const event of [...events].reverse()) {
    if (event.undoes !== undefined && !undone.has(event.seq)) undone.add(event.undoes);
    else if (event.change && !undone.has(event.seq)) yield event;
  }
}
