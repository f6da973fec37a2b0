/** The console output of the service and its plans: recent lines, and then new lines as they are printed. */

import { type ReadonlySignal, signal } from "@preact/signals";
import type { ConsoleText, Source } from "../source/source";
import { CatchUp } from "./catch_up";
import { type ConsoleLine, Lines } from "./lines";

/** Number of lines to keep. */
const KEPT = 2000;
const PAGE = 1000;

export class Console {
  readonly lines = signal<readonly ConsoleLine[]>([]);

  private readonly stream: CatchUp<"console">;
  private readonly parts = new Lines();
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
    this.pending.push(...this.parts.take(message.msg));
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
