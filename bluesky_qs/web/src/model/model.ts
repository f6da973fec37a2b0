/** Everything that the views show of one service, as signals. */

import { effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Link, Schemas, ServiceEvent, Source, Status, Stop } from "../source/source";
import type { Clock } from "../words/status";
import { Zone } from "../words/times";
import { Console } from "./console";
import { Faults } from "./faults";
import { Past } from "./past";
import { Queue } from "./queue";
import { Runs } from "./runs";

/** Milliseconds between two looks at the clock, for the times that a view counts. */
const TICK = 500;

export class Model {
  readonly status = signal<Status | null>(null);
  /** The clock of the beamline. */
  readonly clock: ReadonlySignal<Clock>;
  /** Names of devices, which are written without quotes. */
  readonly devices = signal<ReadonlySet<string>>(new Set());
  readonly queue: Queue;
  readonly faults: Faults;
  readonly past: Past;
  readonly console: Console;
  readonly runs: Runs;

  private readonly stops: Stop[] = [];
  private devicesUid = "";

  constructor(private readonly source: Source) {
    const clock = signal<Clock>({ now: source.now(), zone: new Zone(-new Date().getTimezoneOffset() * 60) });
    this.clock = clock;
    const ticking = setInterval(() => {
      // What is old does not count on.
      if (source.link.value.state === "live") clock.value = { ...clock.value, now: source.now() };
    }, TICK);
    this.faults = new Faults(source);
    this.past = new Past(source);
    this.console = new Console(source);
    this.runs = new Runs(source);
    this.queue = new Queue(source, (event) => this.take(event));
    this.stops = [
      () => clearInterval(ticking),
      effect(() => this.faults.look(this.queue.items.value, this.status.value, this.devices.value.size > 0)),
      source.listen("status", {
        message: ({ time, msg }) => {
          if (this.status.value === null) clock.value = { now: source.now(), zone: Zone.of(msg.status.time, time) };
          this.takeStatus(msg.status);
        },
        connected: () => void this.connected(),
      }),
    ];
  }

  get link(): ReadonlySignal<Link> {
    return this.source.link;
  }

  close(): void {
    for (const stop of this.stops) stop();
    for (const part of [this.queue, this.console, this.runs, this.faults]) part.close();
    this.source.close();
  }

  private async connected(): Promise<void> {
    const status = await this.source.ask("status", {}).catch(() => null);
    if (status && this.status.value === null) this.takeStatus(status);
    this.past.again();
  }

  private takeStatus(status: Status): void {
    this.status.value = status;
    this.queue.compare(status);
    if (status.devices_allowed_uid !== this.devicesUid) {
      this.devicesUid = status.devices_allowed_uid;
      void this.readDevices();
    }
  }

  private async readDevices(): Promise<void> {
    const reply = await this.source.ask("devices_allowed", {}).catch(() => null); // or the names stay in quotes
    if (reply) this.devices.value = new Set(deviceNames(reply.devices_allowed));
  }

  private take(event: ServiceEvent): void {
    this.past.take(event);
  }
}

/** The names of devices and of their components: `motor`, `sim_stage.x`. */
export function* deviceNames(
  devices: Record<string, Schemas["DeviceDescription"]>,
  prefix = "",
): Generator<string, void> {
  for (const [name, device] of Object.entries(devices)) {
    yield prefix + name;
    if (device.components) yield* deviceNames(device.components, `${prefix}${name}.`);
  }
}
