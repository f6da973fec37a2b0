/** The instruments behind one door, with each one's state, plan and last failure. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Door, HistoryItem, Link, RunningItem, Source, Status, Stop } from "../source/source";
import type { Clock } from "../words/status";
import { Zone } from "../words/times";
import { Followed } from "./followed";

export class Instrument {
  readonly status = signal<Status | null>(null);
  readonly running: Followed<RunningItem | null>;
  /** The plan that failed last; null if none is in the history. */
  readonly failure: Followed<HistoryItem | null>;
  /** The instrument's devices. Plans show their names without quotes. */
  readonly devices: Followed<ReadonlySet<string>>;

  private zone: Zone | null = null;
  private readonly stops: Stop[] = [];
  private isClosed = false;

  constructor(
    readonly name: string,
    private readonly source: Source,
  ) {
    this.running = new Followed(async () => {
      const { running_item: item } = await source.ask("queue_get", {});
      return item.item_uid ? (item as RunningItem) : null;
    });
    this.failure = new Followed(async () => {
      const { items } = await source.ask("history_get", { limit: 1, exit_status: "failed" });
      return items[0] ?? null;
    });
    this.devices = new Followed(async () => {
      const { devices_allowed: devices } = await source.ask("devices_allowed", { reduced: true });
      return new Set(Object.keys(devices));
    });
    const message = ({ time, msg: { status } }: { time: number; msg: { status: Status } }) => {
      this.zone ??= Zone.of(status.time, time);
      this.take(status);
    };
    this.stops.push(source.listen("status", { message }));
    void this.listen();
  }

  get link(): ReadonlySignal<Link> {
    return this.source.link;
  }

  /** The clock of the instrument's beamline. */
  clock(): Clock {
    return { now: this.source.now(), zone: this.zone ?? new Zone(-new Date().getTimezoneOffset() * 60) };
  }

  close(): void {
    this.isClosed = true;
    for (const stop of this.stops) stop();
    for (const part of [this.running, this.failure, this.devices]) part.close();
    this.source.close();
  }

  private take(status: Status): void {
    this.status.value = status;
    this.running.look(status.running_item_uid ?? "");
    this.failure.look(status.plan_history_uid);
    this.devices.look(status.devices_allowed_uid);
  }

  /** Listen to the events only because their heartbeats show whether the service is running. */
  private async listen(): Promise<void> {
    const last = await this.source.ask("events_get", { limit: 0 }).then(
      (reply) => reply.last,
      () => 0, // the service is down
    );
    if (!this.isClosed) this.stops.push(this.source.events(last, { event: () => {}, gap: () => {} }));
  }
}

export class Instruments {
  /** The names of all instruments; empty before they are known. */
  readonly names: ReadonlySignal<readonly string[]>;
  /** The instrument that the page shows; empty if there is only one. */
  readonly current: ReadonlySignal<string>;
  /** Whether the address names an instrument that the door does not have. */
  readonly isUnknown: ReadonlySignal<boolean>;
  readonly followed = signal<readonly Instrument[]>([]);

  private readonly known = signal<readonly string[]>([]);

  constructor(private readonly door: Door | null) {
    const { asked } = this;
    this.names = this.known;
    this.current = computed(() => (this.known.value.length > 1 ? asked || (this.known.value[0] ?? "") : ""));
    this.isUnknown = computed(() => asked !== "" && this.known.value.length > 0 && !this.known.value.includes(asked));
  }

  /** The instrument in the address; empty for the first one. */
  get asked(): string {
    return this.door?.instrument ?? "";
  }

  /** Request the names. */
  async look(): Promise<void> {
    if (!this.door) return;
    // If there is no answer, the page shows this, and asks again when it is connected.
    const names = await this.door.names().catch(() => null);
    if (names && names.join() !== this.known.value.join()) this.known.value = names;
  }

  /** Follow all instruments until the returned function is called. */
  begin(): Stop {
    const { door } = this;
    if (door) this.followed.value = this.known.value.map((name) => new Instrument(name, door.source(name)));
    return () => this.close();
  }

  close(): void {
    for (const instrument of this.followed.value) instrument.close();
    this.followed.value = [];
  }
}
