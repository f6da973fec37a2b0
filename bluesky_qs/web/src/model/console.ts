/** The console output of the service and its plans: the latest lines, and new ones. */

import { type ReadonlySignal, signal } from "@preact/signals";
import type { ConsoleText, Source } from "../source/source";
import { CatchUp } from "./catch_up";

/** Lines to keep. */
const KEPT = 2000;
const PAGE = 1000;
/** Maximum length of a line that has no line break yet. */
const LONGEST = 10_000;

export interface ConsoleLine {
  /** Its number, which increases from line to line. */
  id: number;
  text: string;
}

export class Console {
  readonly lines = signal<readonly ConsoleLine[]>([]);

  private readonly stream: CatchUp<"console">;
  private next = 0;
  /** The last line, as long as it has no line break. */
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

  /** The reason why the earlier output cannot be read; empty if it can. */
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
    this.open = rewritten(parts.pop() ?? "").slice(-LONGEST);
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

/** The line without the parts that a carriage return has overwritten, because a progress bar writes thousands of them. */
function rewritten(line: string): string {
  return line.slice(line.lastIndexOf("\r", line.length - 2) + 1);
}
