/** Users' latest actions, taken from events that name a user. */

import { signal } from "@preact/signals";
import type { Schemas, ServiceEvent, Source } from "../source/source";
import { actionText } from "../words/event_text";

/** Number of actions to keep. */
const KEPT = 20;
/** Number of events to read when the page opens. */
const LOOKED_AT = 100;

export interface UserAction {
  seq: number;
  time: number;
  user: string;
  /** `paused the plan`. */
  text: string;
}

export class Activity {
  /** Newest first. */
  readonly actions = signal<readonly UserAction[]>([]);
  private mode: Schemas["QueueMode"] | null = null;

  constructor(private readonly source: Source) {
    void this.begin();
  }

  take(event: ServiceEvent): void {
    const text = event.user ? actionText(event, this.mode) : "";
    if (event.type === "mode_changed") this.mode = event.mode;
    if (!text || !event.user || this.actions.value.some((each) => each.seq === event.seq)) return;
    const found = { seq: event.seq, time: event.time, user: event.user, text };
    this.actions.value = [...this.actions.value, found].sort((a, b) => b.seq - a.seq).slice(0, KEPT);
  }

  private async begin(): Promise<void> {
    const reply = await this.source.ask("events_get", { limit: LOOKED_AT }).catch(() => null);
    for (const event of reply?.events ?? []) this.take(event); // without a reply, only later actions are shown
  }
}
