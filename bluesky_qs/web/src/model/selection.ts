/** The selection in a list that others may change. It is based on uids, not positions. */

import { batch, signal } from "@preact/signals";

const NONE: ReadonlySet<string> = new Set();

export class Selection {
  readonly chosen = signal<ReadonlySet<string>>(NONE);
  /** The row from which the arrow keys move. */
  readonly current = signal<string | null>(null);

  private order: readonly string[] = [];
  private places: ReadonlyMap<string, number> = new Map();
  /** The row from which Shift extends the selection. */
  private anchor: string | null = null;
  /** Rows to select as soon as they are in the list. */
  private awaited: readonly string[] = [];

  /** Adapt to a changed list. Removed rows are deselected. If the current row was removed, the next row becomes
   * current. */
  follow(order: readonly string[]): void {
    const before = this.order;
    const place = this.places.get(this.current.peek() ?? "");
    this.order = order;
    this.places = new Map(order.map((uid, at) => [uid, at]));
    batch(() => {
      const chosen = this.chosen.peek();
      const left = [...chosen].filter((uid) => this.places.has(uid));
      if (left.length < chosen.size) this.chosen.value = new Set(left);
      if (place !== undefined && !this.places.has(this.current.peek() ?? "")) {
        this.current.value = before.slice(place + 1).find((uid) => this.places.has(uid)) ?? order.at(-1) ?? null;
      }
      if (this.awaited.length > 0 && this.awaited.every((uid) => this.places.has(uid))) this.choose(...this.awaited);
    });
  }

  place(uid: string | null): number {
    return this.places.get(uid ?? "") ?? -1;
  }

  /** Select only these rows. The first one becomes the current row. */
  choose(...uids: string[]): void {
    this.awaited = [];
    this.anchor = uids[0] ?? null;
    batch(() => {
      this.chosen.value = new Set(uids);
      this.current.value = uids[0] ?? this.current.peek();
    });
  }

  /** Select these rows as soon as they are in the list, unless the user selects something else first. */
  chooseWhenThere(uids: readonly string[]): void {
    if (uids.every((uid) => this.places.has(uid))) this.choose(...uids);
    else this.awaited = uids;
  }

  toggle(uid: string): void {
    this.awaited = [];
    const chosen = new Set(this.chosen.peek());
    if (!chosen.delete(uid)) chosen.add(uid);
    this.anchor = uid;
    batch(() => {
      this.chosen.value = chosen;
      this.current.value = uid;
    });
  }

  /** Extend the selection to this row. */
  extend(uid: string): void {
    this.awaited = [];
    const to = this.place(uid);
    const from = this.places.get(this.anchor ?? "") ?? to;
    if (this.place(this.anchor) < 0) this.anchor = uid;
    batch(() => {
      this.chosen.value = new Set(this.order.slice(Math.min(from, to), Math.max(from, to) + 1));
      this.current.value = uid;
    });
  }

  all(): void {
    this.awaited = [];
    this.chosen.value = new Set(this.order);
  }

  none(): void {
    this.awaited = [];
    this.chosen.value = NONE;
  }

  /** The row `by` rows below the current one, or the nearest one; null if the list is empty. */
  below(by: number): string | null {
    const at = this.place(this.current.peek());
    const next = at >= 0 || !Number.isFinite(by) ? at + by : by < 0 ? this.order.length - 1 : 0;
    return this.order[Math.min(Math.max(next, 0), this.order.length - 1)] ?? null;
  }

  /** The selected uids, in the order of the list. */
  inOrder(): string[] {
    const chosen = this.chosen.peek();
    return [...chosen].sort((a, b) => this.place(a) - this.place(b));
  }
}
