/** The changes of the queue that can be undone, and what others have done with its items: from the events, as at the prompt
 * (`ipython_extension/shown/undo_text.py`). */

import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import type { ServiceEvent, Source } from "../source/source";

export type QueueChanged = Extract<ServiceEvent, { type: "queue_changed" }>;

/** Seconds for which the service can undo a change. */
const HOUR = 3600;
/** Events to look through when the page opens. */
const EVENTS = 500;
/** Changes to keep. */
const KEPT = 200;

/** Milliseconds after the answer for which the event of a change is waited for: one that changes nothing has none. */
const LATEST = 1000;

export type ChangeName = NonNullable<QueueChanged["change"]>;

export class Undo {
  /** My latest change that is in effect, and can be undone. */
  readonly mine: ReadonlySignal<QueueChanged | null>;
  /** What somebody else has done with an item that is in the queue, by uid. */
  readonly others = signal<ReadonlyMap<string, QueueChanged>>(new Map());
  /** Changes of mine whose events have not come yet. */
  private readonly awaited = signal<readonly { change: ChangeName }[]>([]);
  private readonly changes = signal<readonly QueueChanged[]>([]);
  /** Numbers of changes that the service cannot undo any more. */
  private readonly skipped = signal<ReadonlySet<number>>(new Set());

  constructor(private readonly source: Source) {
    this.mine = computed(() => {
      const possible = this.changes.value.filter((event) => !this.skipped.value.has(event.seq));
      return ownChange(possible, source.person.value.user, source.now());
    });
    void this.begin();
  }

  /** Read what was changed before the page was opened. */
  private async begin(): Promise<void> {
    const reply = await this.source.ask("events_get", { limit: EVENTS }).catch(() => null); // or only newer changes
    const earlier = (reply?.events ?? []).filter((event) => event.type === "queue_changed");
    const later = this.changes.peek();
    const first = later[0]?.seq ?? Number.POSITIVE_INFINITY;
    this.changes.value = [...earlier.filter((event) => event.seq < first), ...later].slice(-KEPT);
  }

  /** A change of mine is sent, whose event will come. Call what it returns with the answer: whether it was made. */
  awaitEvent(change: ChangeName): (isMade: boolean) => void {
    const awaited = { change };
    const forget = () => {
      this.awaited.value = this.awaited.value.filter((each) => each !== awaited);
    };
    this.awaited.value = [...this.awaited.value, awaited];
    return (isMade) => void (isMade ? setTimeout(forget, LATEST) : forget());
  }

  /** When the events of all changes have come, so that the latest change is known. */
  isComplete(): Promise<void> {
    return new Promise((resolve) => {
      const stop = effect(() => {
        if (this.awaited.value.length > 0) return;
        resolve();
        queueMicrotask(() => stop());
      });
    });
  }

  /** This change cannot be undone any more. */
  skip(number: number): void {
    this.skipped.value = new Set([...this.skipped.value, number]);
  }

  take(event: ServiceEvent): void {
    if (event.type !== "queue_changed" || !event.user) return;
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

/** The user's latest change that can be undone; undos, and what they have undone, are left out. */
export function ownChange(events: readonly QueueChanged[], user: string, now: number): QueueChanged | null {
  const undone = new Set<number>();
  for (const event of [...events].reverse()) {
    if (undone.has(event.seq) || event.time < now - HOUR) continue;
    if (event.undoes !== undefined) undone.add(event.undoes);
    else if (event.change && event.user === user) return event;
  }
  return null;
}
