/** Everything that the views show of one service, as signals. */

import { effect, type ReadonlySignal, signal, untracked } from "@preact/signals";
import type { Link, Schemas, ServiceEvent, Source, Status, Stop } from "../source/source";
import type { Clock } from "../words/status";
import { Zone } from "../words/times";
import { Actions, LOCK_ONLY } from "./actions";
import { Activity } from "./activity";
import { Console } from "./console";
import { Dialogs } from "./dialogs";
import { Ending } from "./ending";
import { Estimates } from "./estimates";
import { Faults } from "./faults";
import { Followed } from "./followed";
import { Notices } from "./notices";
import { Past } from "./past";
import { Queue } from "./queue";
import { QueueEdit } from "./queue_edit";
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
  readonly notices = new Notices();
  readonly dialogs = new Dialogs();
  readonly actions: Actions;
  readonly ending: Ending;
  readonly edit: QueueEdit;
  readonly estimates: Estimates;
  readonly activity: Activity;
  /** Who has locked what; nothing if the sign-in may not read it. */
  readonly lock: Followed<Schemas["LockInfo"]>;
  /** How the environment was opened the last time. */
  readonly startup: Followed<Schemas["OpeningReport"]>;

  private readonly stops: Stop[] = [];
  private devicesUid = "";
  /** Openings of the environment that this page has seen to end, and connections to the service. */
  private openings = 0;
  private isOpening = false;

  constructor(private readonly source: Source) {
    const clock = signal<Clock>({ now: source.now(), zone: new Zone(-new Date().getTimezoneOffset() * 60) });
    this.clock = clock;
    const ticking = setInterval(() => {
      // What is old does not count on.
      if (source.link.value.state === "live") clock.value = { ...clock.value, now: source.now() };
    }, TICK);
    const { status, notices, dialogs } = this;
    this.actions = new Actions({ source, status, clock, notices, dialogs });
    this.ending = new Ending(status, this.actions, notices);
    this.activity = new Activity(source);
    this.lock = new Followed(async () => (await source.ask("lock_info", LOCK_ONLY)).lock_info);
    this.startup = new Followed(async () => (await source.ask("environment_report", {})).report);
    this.faults = new Faults(source);
    this.past = new Past(source);
    this.console = new Console(source);
    this.runs = new Runs(source);
    this.queue = new Queue(source, (event) => this.take(event));
    this.estimates = new Estimates(source);
    const { queue, actions, devices } = this;
    this.edit = new QueueEdit({ source, queue, actions, notices, dialogs, devices });
    this.stops = [
      () => clearInterval(ticking),
      effect(() => this.faults.look(this.queue.items.value, this.status.value, this.devices.value.size > 0)),
      effect(() => this.estimates.look(this.queue.items.value, this.status.value)),
      effect(() => {
        this.queue.items.value; // look again whenever it changes
        untracked(() => this.edit.follow());
      }),
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
    const { queue, console, runs, faults, notices, lock, startup, estimates } = this;
    for (const part of [queue, console, runs, faults, notices, lock, startup, estimates]) part.close();
    this.source.close();
  }

  private async connected(): Promise<void> {
    const status = await this.source.ask("status", {}).catch(() => null);
    this.openings += 1; // one may have been missed
    if (status && this.status.value === null) this.takeStatus(status);
    this.past.again();
  }

  private takeStatus(status: Status): void {
    this.status.value = status;
    this.queue.compare(status);
    this.lock.look(status.lock_info_uid);
    this.lookAtStartup(status);
    if (status.devices_allowed_uid !== this.devicesUid) {
      this.devicesUid = status.devices_allowed_uid;
      void this.readDevices();
    }
  }

  private lookAtStartup(status: Status): void {
    const isOpening = status.manager_state === "creating_environment";
    if (this.isOpening && !isOpening) this.openings += 1;
    this.isOpening = isOpening;
    if (!isOpening) this.startup.look(String(this.openings));
  }

  private async readDevices(): Promise<void> {
    const reply = await this.source.ask("devices_allowed", {}).catch(() => null); // or the names stay in quotes
    if (reply) this.devices.value = new Set(deviceNames(reply.devices_allowed));
  }

  private take(event: ServiceEvent): void {
    this.past.take(event);
    this.activity.take(event);
    this.edit.take(event);
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
