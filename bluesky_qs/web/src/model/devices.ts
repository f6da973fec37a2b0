/** The devices and their readings. Visible devices are read once; watched devices are read whenever they change. */

import { batch, computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Source, Status, Stop } from "../source/source";
import type { DeviceReading } from "../words/readings";
import { type Description, deviceAt, isReadable, type Line, linesOf, search } from "./device_tree";
import type { Lists } from "./lists";

/** Milliseconds to wait until scrolling, or the choice of watched devices, has settled. */
const SETTLING = 150;
/** Seconds for which a reading is not repeated when its row becomes visible again. */
const FRESH = 10;
/** Maximum number of devices that the door watches for one page. */
export const MOST_WATCHED = 200;
/** Maximum number of devices in one reading request. */
const AT_ONCE = 100;

export class Devices {
  readonly search: ReadonlySignal<string>;
  /** The device that the user has chosen. */
  readonly current = signal<string | null>(null);
  readonly lines: ReadonlySignal<readonly Line[]>;
  /** The number of devices that match the search; null without a search. */
  readonly found: ReadonlySignal<number | null>;
  /** The last reading of each device. */
  readonly readings = signal<ReadonlyMap<string, DeviceReading>>(new Map());
  /** The devices that are being read now. */
  readonly pending = signal<ReadonlySet<string>>(new Set());
  readonly watched: ReadonlySignal<readonly string[]>;
  /** The reason why nothing can be read now; empty if the devices can be read. */
  readonly problem = signal("");

  private readonly searched = signal("");
  private readonly opened = signal<ReadonlySet<string>>(new Set());
  /** Devices that a search has opened and the user has closed again. */
  private readonly folded = signal<ReadonlySet<string>>(new Set());
  private readonly chosen = signal<readonly string[]>([]);
  private readonly readAt = new Map<string, number>();
  private seen: readonly string[] = [];
  private isEnvironmentOpen = false;
  private soon: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly source: Source,
    private readonly lists: Lists,
  ) {
    this.chosen.value = this.stored();
    const all = computed(() => this.lists.known.value.devices);
    const matches = computed(() => (this.searched.value.trim() ? search(all.value, this.searched.value) : null));
    const opened = computed(() => {
      const both = new Set([...this.opened.value, ...(matches.value?.opened ?? [])]);
      for (const name of this.folded.value) both.delete(name);
      return both;
    });
    this.search = this.searched;
    this.found = computed(() => matches.value?.count ?? null);
    this.lines = computed(() => linesOf(matches.value?.devices ?? all.value, opened.value));
    this.watched = computed(() => this.chosen.value.filter((name) => this.canBeRead(name)));
  }

  /** Follow the watched devices as long as somebody looks at them. */
  begin(): Stop {
    let stop: Stop | null = null;
    let names = "";
    const ending = effect(() => {
      const wanted = this.watched.value;
      if (wanted.join() === names) return;
      names = wanted.join();
      stop?.();
      stop = wanted.length > 0 ? this.follow(wanted) : null;
    });
    return () => {
      ending();
      stop?.();
      clearTimeout(this.soon);
      this.seen = [];
    };
  }

  device(name: string): Description | undefined {
    return deviceAt(this.lists.known.value.devices, name);
  }

  canBeRead(name: string): boolean {
    const device = this.device(name);
    return device !== undefined && isReadable(device);
  }

  find(text: string): void {
    batch(() => {
      this.searched.value = text;
      this.folded.value = new Set();
    });
  }

  /** Show the parts of a device, or hide them. */
  toggle({ name, isOpen }: Line): void {
    batch(() => {
      this.opened.value = withOrWithout(this.opened.value, name, !isOpen);
      this.folded.value = withOrWithout(this.folded.value, name, isOpen);
    });
  }

  /** The readings depend on the environment, so read again when a different one is open. */
  look(status: Status): void {
    const wasOpen = this.isEnvironmentOpen;
    this.isEnvironmentOpen = status.worker_environment_exists;
    if (wasOpen || !this.isEnvironmentOpen) return;
    this.readAt.clear();
    if (this.seen.length > 0) this.want(this.seen);
  }

  watch(name: string, isWatched: boolean): void {
    const others = this.chosen.value.filter((each) => each !== name);
    this.chosen.value = isWatched ? [...others, name].slice(-MOST_WATCHED) : others;
    localStorage.setItem(this.storage, JSON.stringify(this.chosen.value));
  }

  /** These devices are visible. Those without a recent reading are read when the list stops scrolling. */
  want(names: readonly string[]): void {
    this.seen = names;
    clearTimeout(this.soon);
    this.soon = setTimeout(() => void this.read(this.seen.filter((name) => this.isDue(name))), SETTLING);
  }

  /** Read the visible devices again. */
  again(): void {
    void this.read(this.seen.filter((name) => this.canBeRead(name)));
  }

  async read(names: readonly string[]): Promise<void> {
    for (let at = 0; at < names.length; at += AT_ONCE) await this.readSome(names.slice(at, at + AT_ONCE));
  }

  private async readSome(names: readonly string[]): Promise<void> {
    this.pending.value = new Set([...this.pending.value, ...names]);
    try {
      const { devices } = await this.source.ask("device_read", { names: [...names] });
      batch(() => {
        this.problem.value = "";
        this.take(devices);
      });
    } catch (error) {
      this.problem.value = error instanceof Error ? error.message : String(error);
    } finally {
      this.pending.value = new Set([...this.pending.value].filter((name) => !names.includes(name)));
    }
  }

  private follow(names: readonly string[]): Stop {
    return this.source.watch(names, {
      message: ({ devices, error }) => {
        batch(() => {
          this.problem.value = error;
          this.take(devices);
        });
      },
    });
  }

  private take(devices: Readonly<Record<string, DeviceReading>>): void {
    for (const name of Object.keys(devices)) this.readAt.set(name, this.source.now());
    this.readings.value = new Map([...this.readings.value, ...Object.entries(devices)]);
  }

  private isDue(name: string): boolean {
    const before = this.readAt.get(name) ?? Number.NEGATIVE_INFINITY;
    return (
      this.isEnvironmentOpen &&
      this.canBeRead(name) &&
      !this.watched.value.includes(name) &&
      this.source.now() - before > FRESH
    );
  }

  private get storage(): string {
    return `${this.source.place}:watched`;
  }

  private stored(): string[] {
    try {
      const names: unknown = JSON.parse(localStorage.getItem(this.storage) ?? "[]");
      return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
    } catch {
      return []; // damaged: the user chooses again
    }
  }
}

function withOrWithout(names: ReadonlySet<string>, name: string, isIn: boolean): ReadonlySet<string> {
  const changed = new Set(names);
  if (isIn) changed.add(name);
  else changed.delete(name);
  return changed;
}
