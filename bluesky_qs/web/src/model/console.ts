/** What the service and its plans print: the latest lines, and those that come. */

import { type ReadonlySignal, signal } from "@preact/signals";
import type { ConsoleText, Source } from "../source/source";
import { CatchUp } from "./catch_up";

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

  private readonly stream: CatchUp<"console">;
  private next = 0;
  /** The end of the output that has no line break yet. */
  private open = "";
  private lastTime = 0;
  private pending: ConsoleLine[] = [];
  private isDue = false;

  constructor(source: Source) {
    this.stream = new CatchUp(source, {
      topic: "console",
      read: async () => (await source.ask("console_get", { limit: PAGE })).messages,
      isNew: (message) => message.time > this.lastTime,
      take: (message) => this.take(message),
    });
  }

  /** Why the earlier output cannot be read. */
  get problem(): ReadonlySignal<string> {
    return this.stream.problem;
  }

  begin(): void {
    this.stream.begin();
  }

  close(): void {
    this.stream.close();
  }

  private take(message: ConsoleText): void {
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
