/** Moves in the queue. They are shown before the service confirms them, and undone if it refuses them. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Item } from "../source/source";

/** The target of a move: an end of the queue, or next to another item. */
export type Destination = "front" | "back" | { before: string } | { after: string };

export interface Move {
  uids: readonly string[];
  to: Destination;
}

interface Pending extends Move {
  state: "waiting" | "sent" | "done";
}

/** Milliseconds to wait for the event about a confirmed move. Until then, the move is still shown. */
const LATEST = 2000;

/** The queue after a move. Moved items are next to each other, in their previous order. */
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
  /** The queue including pending moves. */
  readonly items: ReadonlySignal<readonly Item[]>;
  private readonly pending = signal<readonly Pending[]>([]);
  private sending: Promise<void> | null = null;

  /** `send` requests a move, and returns whether the service carried it out. */
  constructor(
    private readonly queued: ReadonlySignal<readonly Item[]>,
    private readonly send: (move: Move) => Promise<boolean>,
  ) {
    this.items = computed(() => this.pending.value.reduce(moved, this.queued.value));
  }

  /** Move items. Moves are sent one at a time. A new move of the same items replaces the one that is waiting. */
  add(move: Move): void {
    const last = this.pending.peek().at(-1);
    const isSame = last?.state === "waiting" && last.uids.join() === move.uids.join();
    const others = isSame ? this.pending.peek().slice(0, -1) : this.pending.peek();
    this.pending.value = [...others, { ...move, state: "waiting" }];
    this.sending ??= this.sendAll();
  }

  /** Wait until all moves are answered, because the next request depends on them. */
  async answered(): Promise<void> {
    await this.sending;
  }

  /** Drop confirmed moves that the queue itself now includes. */
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
      // After a refusal, drop the waiting moves too: they were based on an order that does not exist.
      const done = this.pending.peek().filter((move) => move.state === "done");
      if (done.length < this.pending.peek().length) this.pending.value = done;
    }
  }

  private drop(move: Pending): void {
    if (this.pending.peek().includes(move)) this.pending.value = this.pending.peek().filter((each) => each !== move);
  }
}
