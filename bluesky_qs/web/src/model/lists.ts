/** The plans and devices that the user may use, with descriptions. They are read again when the service reports a
 * change. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Schemas, Source, Status } from "../source/source";
import type { Known } from "../words/completion";

export class Lists {
  readonly known = signal<Known>({ plans: {}, devices: {} });
  /** Whether the plans have been read. */
  readonly arePlansRead = signal(false);
  /** Names of plans, devices and device components, which are written without quotes. */
  readonly names: ReadonlySignal<ReadonlySet<string>> = computed(
    () => new Set([...deviceNames(this.known.value.devices), ...Object.keys(this.known.value.plans)]),
  );
  readonly deviceNames: ReadonlySignal<ReadonlySet<string>> = computed(
    () => new Set(deviceNames(this.known.value.devices)),
  );

  private devicesUid = "";
  private plansUid = "";
  private status: Status | null = null;
  private arePlansWanted = false;
  /** The latest requests for the lists. */
  private devicesReading: Promise<void> = Promise.resolve();
  private plansReading: Promise<void> = Promise.resolve();

  constructor(private readonly source: Source) {}

  look(status: Status): void {
    this.status = status;
    if (status.devices_allowed_uid !== this.devicesUid) {
      this.devicesUid = status.devices_allowed_uid;
      this.devicesReading = this.readDevices();
    }
    if (this.arePlansWanted && status.plans_allowed_uid !== this.plansUid) {
      this.plansUid = status.plans_allowed_uid;
      this.plansReading = this.readPlans();
    }
  }

  /** Request the plans. Their descriptions are large, so they are not read before a view needs them. */
  wantPlans(): void {
    this.arePlansWanted = true;
    if (this.status) this.look(this.status);
  }

  /** The lists, once they have been read. */
  async read(): Promise<Known> {
    this.wantPlans();
    await Promise.all([this.devicesReading, this.plansReading]);
    return this.known.peek();
  }

  private async readDevices(): Promise<void> {
    const reply = await this.source.ask("devices_allowed", {}).catch(() => null); // without a reply, quotes stay
    if (reply) this.known.value = { ...this.known.value, devices: reply.devices_allowed };
    else this.devicesUid = "";
  }

  private async readPlans(): Promise<void> {
    const reply = await this.source.ask("plans_allowed", {}).catch(() => null);
    if (reply === null) {
      this.plansUid = ""; // try again at the next status
      return;
    }
    this.known.value = { ...this.known.value, plans: reply.plans_allowed as Known["plans"] };
    this.arePlansRead.value = true;
  }
}

/** The names of devices and their components: `motor`, `sim_stage.x`. */
export function* deviceNames(
  devices: Readonly<Record<string, Schemas["DeviceDescription"]>>,
  prefix = "",
): Generator<string, void> {
  for (const [name, device] of Object.entries(devices)) {
    yield prefix + name;
    if (device.components) yield* deviceNames(device.components, `${prefix}${name}.`);
  }
}
