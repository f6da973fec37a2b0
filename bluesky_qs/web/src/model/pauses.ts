/** When plans were paused, from the events that the service keeps. */

import { signal } from "@preact/signals";
import type { ServiceEvent, Source } from "../source/source";
import { type Period, pausesOf } from "../words/timeline";
import { Latest } from "./latest";

/** Maximum number of events in one reply. */
const EVENTS = 5000;

export class Pauses {
  readonly periods = signal<readonly Period[]>([]);

  private events: ServiceEvent[] = [];
  private last: number | null = null;
  private readonly reading = new Latest<void>(() => this.read());

  constructor(private readonly source: Source) {}

  /** Read the events since the last call. */
  look(): void {
    this.reading.submit();
  }

  private async read(): Promise<void> {
    const since = this.last === null ? {} : { since: this.last };
    const reply = await this.source.ask("events_get", { limit: EVENTS, ...since }).catch(() => null); // or no pauses
    if (!reply) return;
    this.last = reply.events.at(-1)?.seq ?? this.last;
    this.events.push(...reply.events.filter((event) => event.type === "environment_changed"));
    this.periods.value = pausesOf(this.events);
  }
}
