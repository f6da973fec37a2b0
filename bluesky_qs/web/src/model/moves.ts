/** Moves of the queue, shown before the service has confirmed them, and taken back at once if it refuses. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Item } from "../source/source";

/** Where items go: to an end of the queue, or next to another item. */
export type Destination = "front" | "back" | { before: string } | { after: string };

export interface Move {
  uids: readonly string[];
  to: Destination;
}

interface Pending extends Move {
  state: "waiting" | "sent" | "done";
}

/** Milliseconds for which a move that the service has confirmed is shown without its event. */
const LATEST = 2000;

/** The items after a move: next to each other, in the order that they had. */
export function moved(items: readonly Item[], { uids, to }: Move): readonly Item[] {
  const moving = new Set(uids);
  const taken = items.filter((item) => moving.has(item.item_uid));
  const left = items.filter((item) => !moving.has(item.item_uid));
  const at = placeOf(left, to);
  return at < 0 || taken.length === 0 ? items : [...left.slice(0, at), ...taken, ...left.slice(at)];
}

function placeOf(items: readonly Item[], to: Destination): number {
  if (to === "front") return 0;
  if (to === "back") return items.length;
  if ("before" in to) return items.findIndex((item) => item.item_uid === to.before);
  const at = items.findIndex((item) => item.item_uid === to.after);
  return at < 0 ? -1 : at + 1;
}

export class Moves {
  /** The queue as it is shown. */
  readonly items: ReadonlySignal<readonly Item[]>;
  private readonly pending = signal<readonly Pending[]>([]);
  private sending: Promise<void> | null = null;

  /** `send` asks the service for a move; it returns whether the service has carried it out. */
  constructor(
    private readonly queued: ReadonlySignal<readonly Item[]>,
    private readonly send: (move: Move) => Promise<boolean>,
  ) {
    this.items = computed(() => this.pending.value.reduce(moved, this.queued.value));
  }

  /** Move items. Moves are sent one after another; of those that wait, only the last one of the same items is sent. */
  add(move: Move): void {
    const last = this.pending.peek().at(-1);
    const isSame = last?.state === "waiting" && last.uids.join() === move.uids.join();
    const others = isSame ? this.pending.peek().slice(0, -1) : this.pending.peek();
    this.pending.value = [...others, { ...move, state: "waiting" }];
    this.sending ??= this.sendAll();
  }

  /** When all moves have been answered: what is asked for next counts on them. */
  async answered(): Promise<void> {
    await this.sending;
  }

  /** The queue has changed: what it shows itself need not be shown any more. */
  settle(): void {
    const [first, ...more] = this.pending.peek();
    if (first?.state !== "done") return;
    const queued = this.queued.peek();
    const shown = moved(queued, first);
    if (shown.every((item, at) => item === queued[at])) {
      this.pending.value = more;
      this.settle();
    }
  }

  private async sendAll(): Promise<void> {
    try {
      for (;;) {
        const next = this.pending.peek().find((move) => move.state === "waiting");
        if (!next) return;
        next.state = "sent";
        if (!(await this.send(next))) return;
        next.state = "done";
        this.settle();
        setTimeout(() => this.drop(next), LATEST);
      }
    } finally {
      this.sending = null;
      // If one was refused, those that wait were made on what was shown, which is not so.
      const done = this.pending.peek().filter((move) => move.state === "done");
      if (done.length < this.pending.peek().length) this.pending.value = done;
    }
  }

  private drop(move: Pending): void {
    if (this.pending.peek().includes(move)) this.pending.value = this.pending.peek().filter((each) => each !== move);
  }
}
