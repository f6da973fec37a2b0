/** A stream including its earlier messages, in order, even after the connection was lost. */

import { signal } from "@preact/signals";
import type { Source, Stop, Topic, Topics } from "../source/source";

interface Parts<T extends Topic> {
  topic: T;
  /** Request the latest messages, oldest first. */
  read: () => Promise<readonly Topics[T][]>;
  /** Whether a message is new. This must be checked, because requested and published messages overlap. */
  isNew?: (message: Topics[T]) => boolean;
  take: (message: Topics[T]) => void;
}

export class CatchUp<T extends Topic> {
  /** The reason why earlier messages cannot be read; empty if they can. */
  readonly problem = signal("");

  private stop: Stop | null = null;
  /** Messages that arrive while earlier ones are being read; null otherwise. */
  private early: Topics[T][] | null = [];
  private reading = 0;

  constructor(
    private readonly source: Source,
    private readonly parts: Parts<T>,
  ) {}

  begin(): void {
    this.stop ??= this.source.listen(this.parts.topic, {
      connected: () => void this.catchUp(),
      message: (message) => {
        if (this.early) this.early.push(message);
        else this.parts.take(message);
      },
    });
  }

  close(): void {
    this.stop?.();
  }

  private async catchUp(): Promise<void> {
    this.early ??= [];
    this.reading += 1;
    const number = this.reading;
    let earlier: readonly Topics[T][] = [];
    try {
      earlier = await this.parts.read();
      this.problem.value = "";
    } catch (error) {
      this.problem.value = error instanceof Error ? error.message : String(error);
    }
    if (number !== this.reading) return; // the page has reconnected, and a later reply will have all messages
    const early = this.early ?? [];
    this.early = null;
    this.takeNew(earlier);
    this.takeNew(early);
  }

  private takeNew(messages: readonly Topics[T][]): void {
    const { isNew, take } = this.parts;
    for (const message of isNew ? messages.filter(isNew) : messages) take(message);
  }
}
