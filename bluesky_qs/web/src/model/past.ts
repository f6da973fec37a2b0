/** The history, newest first: pages from the service, and items that have ended since then. */

import { signal } from "@preact/signals";
import type { HistoryItem, ServiceEvent, Source } from "../source/source";

const PAGE = 50;

export class Past {
  readonly items = signal<readonly HistoryItem[]>([]);
  readonly isRead = signal(false);
  readonly isReading = signal(false);
  /** Whether the service has older items. */
  readonly hasOlder = signal(false);
  /** Why the last page could not be read. */
  readonly problem = signal("");

  constructor(private readonly source: Source) {}

  /** Read the newest page, unless it has been read. */
  begin(): void {
    if (!this.isRead.value && !this.isReading.value) void this.read([]);
  }

  older(): void {
    if (this.hasOlder.value && !this.isReading.value) void this.read(this.items.value);
  }

  take(event: ServiceEvent): void {
    if (!this.isRead.value) return;
    if (event.type === "history_cleared") void this.read([]);
    if (event.type === "item_ended") void this.newest();
  }

  /** Read the newest page again, because events may have been missed. */
  again(): void {
    if (this.isRead.value) void this.read([]);
  }

  private async read(known: readonly HistoryItem[]): Promise<void> {
    this.isReading.value = true;
    const before = known.at(-1)?.item_uid;
    try {
      const page = await this.source.ask("history_get", { limit: PAGE, ...(before ? { before } : {}) });
      this.items.value = merged(known, page.items);
      this.hasOlder.value = (page.positions?.[0] ?? 0) > 0;
      this.isRead.value = true;
      this.problem.value = "";
    } catch (error) {
      this.problem.value = error instanceof Error ? error.message : String(error);
    } finally {
      this.isReading.value = false;
    }
  }

  /** Add the items that have ended. If items between them and the known ones are missing, replace these. */
  private async newest(): Promise<void> {
    try {
      const page = await this.source.ask("history_get", { limit: PAGE });
      const known = new Set(this.items.value.map((item) => item.item_uid));
      const joins = page.items.some((item) => known.has(item.item_uid)) || known.size === 0;
      this.items.value = joins ? merged(this.items.value, page.items) : [...page.items].reverse();
      if (!joins || known.size === 0) this.hasOlder.value = (page.positions?.[0] ?? 0) > 0;
    } catch (error) {
      this.problem.value = error instanceof Error ? error.message : String(error);
    }
  }
}

/** The items of both, newest first and each item once. A page of the service has the oldest first. */
export function merged(known: readonly HistoryItem[], page: readonly HistoryItem[]): HistoryItem[] {
  const all = new Map([...known, ...page].map((item) => [item.item_uid, item]));
  return [...all.values()].sort((a, b) => (b.result?.time_stop ?? 0) - (a.result?.time_stop ?? 0));
}
