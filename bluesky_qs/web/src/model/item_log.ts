/** The console output of one item. */

import { signal } from "@preact/signals";
import type { Source, Stop } from "../source/source";
import { type ConsoleLine, Lines } from "./lines";

/** Maximum number of lines to show. */
const SHOWN = 2000;
/** Maximum number of pieces of output in one reply. */
const PAGE = 2000;
/** Minimum time between requests, in milliseconds, while the item prints. */
const PERIOD = 200;

export class ItemLog {
  /** The latest lines. */
  readonly lines = signal<readonly ConsoleLine[]>([]);
  /** Number of lines that came before the shown ones. */
  readonly before = signal(0);
  /** Why the output cannot be read. */
  readonly problem = signal("");

  private readonly parts = new Lines();
  private readonly pieces: string[] = [];
  private all: ConsoleLine[] = [];
  private last = 0;
  private work: Promise<void> = Promise.resolve();
  private stop: Stop | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isClosed = false;

  constructor(
    private readonly source: Source,
    private readonly uid: string,
  ) {}

  /** All of the output that the service has kept. */
  get text(): string {
    return this.pieces.join("");
  }

  /** Read new output now, and, while the item runs, whenever something is printed. */
  look(isRunning: boolean): void {
    if (isRunning && !this.stop) {
      this.stop = this.source.listen("console", { message: () => this.due(), connected: () => this.due() });
    } else if (!isRunning) {
      this.stop?.();
      this.stop = null;
    }
    this.work = this.work.then(() => this.read());
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.stop?.();
  }

  private due(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.work = this.work.then(() => this.read());
    }, PERIOD);
  }

  private async read(): Promise<void> {
    try {
      for (let isMore = true; isMore && !this.isClosed; ) {
        const { messages } = await this.source.ask("console_get", {
          item_uid: this.uid,
          since: this.last,
          limit: PAGE,
        });
        for (const { seq, msg } of messages) {
          this.last = seq;
          this.pieces.push(msg);
          this.all.push(...this.parts.take(msg));
        }
        isMore = messages.length === PAGE;
      }
      this.problem.value = "";
    } catch (error) {
      this.problem.value = error instanceof Error ? error.message : String(error);
    }
    const lines = [...this.all, ...this.parts.unfinished];
    this.before.value = Math.max(lines.length - SHOWN, 0);
    this.lines.value = lines.slice(-SHOWN);
  }
}
