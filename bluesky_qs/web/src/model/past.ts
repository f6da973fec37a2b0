/** The history, or the part that a filter selects, newest first. It consists of pages from the service and of items that
 * have ended since then. */

import { computed, signal } from "@preact/signals";
import type { HistoryItem, Reply, ServiceEvent, Source } from "../source/source";
import type { HistoryQuery } from "./history_filter";

const PAGE = 50;
/** Number of items per reply when all items are read. */
const LARGE_PAGE = 1000;
/** Number of items to keep unless the user asks for older ones. There is a limit because pages stay open for weeks. */
const KEPT = 300;

/** A history page: the newest items, which replace the shown ones; the items that just ended; or older items. */
type Page = "newest" | "ended" | "older";

export class Past {
  readonly items = signal<readonly HistoryItem[]>([]);
  readonly isRead = signal(false);
  /** Whether the service has older items. */
  readonly hasOlder = signal(false);
  /** Why the last page could not be read. */
  readonly problem = signal("");
  /** Whether the service is still building its search index, so that older items may be missing. */
  readonly isIncomplete = signal(false);
  private readonly reads = signal(0);
  readonly isReading = computed(() => this.reads.value > 0);
  private hasBegun = false;
  /** Number of items to keep: more than usual if the user has asked for older ones. */
  private most = KEPT;
  /** Pages are read one after the other, so that a late reply cannot bring back an old state. */
  private last: Promise<void> = Promise.resolve();
  /** Pages that have not been requested yet. */
  private readonly waiting = new Set<Page>();

  /** `query` selects items. */
  constructor(
    private readonly source: Source,
    private readonly query: HistoryQuery = {},
  ) {}

  /** Read the newest page, unless it has already been read. */
  begin(): void {
    this.hasBegun = true;
    if (!this.isRead.value && !this.isReading.value) this.enqueue("newest");
  }

  older(): void {
    if (this.hasOlder.value && !this.isReading.value) this.enqueue("older");
  }

  take(event: ServiceEvent): void {
    if (!this.hasBegun) return;
    if (event.type === "history_cleared") this.enqueue("newest");
    if (event.type === "item_ended") this.enqueue("ended");
  }

  /** Read the newest page again, because events may have been missed. */
  again(): void {
    if (this.hasBegun) this.enqueue("newest");
  }

  private enqueue(page: Page): void {
    if (this.waiting.has(page)) return;
    this.waiting.add(page);
    if (page !== "ended") this.reads.value += 1;
    this.last = this.last.then(() => this.read(page));
  }

  private async read(page: Page): Promise<void> {
    this.waiting.delete(page);
    const shown = this.items.value;
    const before = page === "older" ? shown.at(-1)?.item_uid : undefined;
    try {
      const reply = await this.source.ask("history_get", { ...this.query, limit: PAGE, ...(before ? { before } : {}) });
      const uids = new Set(shown.map((item) => item.item_uid));
      // If more items have ended than fit on a page, there is a gap before the shown items, so they are dropped.
      const joins = page === "older" || (page === "ended" && reply.items.some((item) => uids.has(item.item_uid)));
      const items = merged(joins ? shown : [], reply.items);
      if (page === "older" || !joins) {
        this.most = Math.max(KEPT, items.length);
        this.hasOlder.value = this.isOlder(reply);
      }
      if (items.length > this.most) this.hasOlder.value = true;
      this.items.value = items.slice(0, this.most);
      this.isIncomplete.value = this.query.search !== undefined && reply.index_complete === false;
      this.isRead.value = true;
      this.problem.value = "";
    } catch (error) {
      this.problem.value = error instanceof Error ? error.message : String(error);
    } finally {
      if (page !== "ended") this.reads.value -= 1;
    }
  }

  /** Whether there are items older than those on a page. With a filter, a page that is not full is the last one. */
  private isOlder({ items, positions }: Reply<"history_get">): boolean {
    const isAll = Object.keys(this.query).length === 0;
    return (positions?.[0] ?? 0) > 0 && (isAll || items.length === PAGE);
  }
}

/** Join shown items and a page, newest first, each item once. The service sends pages oldest first. */
export function merged(known: readonly HistoryItem[], page: readonly HistoryItem[]): HistoryItem[] {
  const all = new Map([...known, ...page].map((item) => [item.item_uid, item]));
  return [...all.values()].sort((a, b) => (b.result?.time_stop ?? 0) - (a.result?.time_stop ?? 0));
}

/** All items that a query selects, oldest first. */
export async function readAll(source: Source, query: HistoryQuery): Promise<HistoryItem[]> {
  const pages: HistoryItem[][] = [];
  let before: string | undefined;
  for (;;) {
    const place = before === undefined ? {} : { before };
    const { items } = await source.ask("history_get", { ...query, limit: LARGE_PAGE, ...place });
    pages.unshift(items);
    before = items[0]?.item_uid;
    if (items.length < LARGE_PAGE || before === undefined) return pages.flat();
  }
}
