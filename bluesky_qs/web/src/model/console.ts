/** What the service and its plans print: the latest lines, and those that come. */

import { signal } from "@preact/signals";
import type { ConsoleText, Source, Stop } from "../source/source";

/** Lines to keep. */
const KEPT = 2000;
const PAGE = 1000;

export interface ConsoleLine {
  /** Its number; numbers grow. */
  id: number;
  text: string;
}

export class Console {
  readonly lines = signal<readonly ConsoleLine[]>([]);
  readonly problem = signal("");

  private stop: Stop | null = null;
  private next = 0;
  /** The end of the output that has no line break yet. */
  private open = "";
  private lastTime = 0;
  private early: ConsoleText[] | null = [];
  private pending: ConsoleLine[] = [];
  private isDue = false;

  constructor(private readonly source: Source) {}

  begin(): void {
    this.stop ??= this.source.listen("console", {
      connected: () => void this.catchUp(),
      message: (message) => this.take(message),
    });
  }

  close(): void {
    this.stop?.();
  }

  private async catchUp(): Promise<void> {
    this.early ??= [];
    try {
      const { messages } = await this.source.ask("console_get", { limit: PAGE });
      this.problem.value = "";
      const early = this.early;
      this.early = null;
      // Both may have what was shown before the connection was lost, or each other's messages.
      for (const message of messages.filter((each) => each.time > this.lastTime)) this.take(message);
      for (const message of early.filter((each) => each.time > this.lastTime)) this.take(message);
    } catch (error) {
      this.early = null;
      this.problem.value = error instanceof Error ? error.message : String(error);
    }
  }

  private take(message: ConsoleText): void {
    if (this.early) {
      this.early.push(message);
      return;
    }
    this.lastTime = message.time;
    const parts = (this.open + message.msg).split("\n");
    this.open = parts.pop() ?? "";
    for (const text of parts) this.pending.push({ id: this.next++, text });
    if (!this.isDue) {
      this.isDue = true;
      setTimeout(() => this.show(), 50);
    }
  }

  private show(): void {
    this.isDue = false;
    this.lines.value = [...this.lines.value, ...this.pending].slice(-KEPT);
    this.pending = [];
  }
}
