/** Everything that the views show about one service, as signals. */

import { computed, effect, type ReadonlySignal, signal, untracked } from "@preact/signals";
import type { Door, HistoryItem, Item, Link, Schemas, ServiceEvent, Source, Status, Stop } from "../source/source";
import { type Clock, isHeld } from "../words/status";
import { Zone } from "../words/times";
import { Actions, LOCK_ONLY } from "./actions";
import { Activity } from "./activity";
import { Again } from "./again";
import { Alarms } from "./alarms";
import { Composer } from "./composer";
import { Console } from "./console";
import { Devices } from "./devices";
import { Dialogs } from "./dialogs";
import { Ending } from "./ending";
import { Estimates } from "./estimates";
import { Faults } from "./faults";
import { Followed } from "./followed";
import { type HistoryFilter, paramsOf } from "./history_filter";
import { Instruments } from "./instruments";
import { ItemPage } from "./item_page";
import { Lists } from "./lists";
import { Notices } from "./notices";
import { Past, readAll } from "./past";
import { Pauses } from "./pauses";
import { Queue } from "./queue";
import { QueueEdit } from "./queue_edit";
import { Runs } from "./runs";
import { SheetImport } from "./sheet_import";

/** Milliseconds between clock updates, for times that count up or down. */
const TICK = 500;

export class Model {
  readonly status = signal<Status | null>(null);
  /** Whether the running plan is paused or suspended. */
  readonly isHeld = computed(() => this.status.value !== null && isHeld(this.status.value));
  /** The beamline's clock. */
  readonly clock: ReadonlySignal<Clock>;
  /** Plans and devices. */
  readonly lists: Lists;
  /** Device names, which are written without quotes. */
  readonly devices: ReadonlySignal<ReadonlySet<string>>;
  /** The device tree, with readings. */
  readonly tree: Devices;
  readonly queue: Queue;
  readonly faults: Faults;
  readonly past: Past;
  /** The part of the history that the last search selected. */
  private searched: Past | null = null;
  readonly console: Console;
  readonly runs: Runs;
  readonly notices = new Notices();
  readonly dialogs = new Dialogs();
  readonly actions: Actions;
  readonly composer: Composer;
  /** The selected item, next to which a new one can be added; null unless exactly one is selected. */
  readonly beside: ReadonlySignal<Item | null>;
  /** Runs plans from the history again. */
  readonly again: Again;
  readonly ending: Ending;
  readonly edit: QueueEdit;
  readonly estimates: Estimates;
  readonly activity: Activity;
  readonly alarms: Alarms;
  readonly instruments: Instruments;
  /** Who has locked what; null if the user may not see it. */
  readonly lock: Followed<Schemas["LockInfo"]>;
  /** The report on the last time that the environment was opened. */
  readonly startup: Followed<Schemas["OpeningReport"]>;

  /** The items that have a page open. */
  private readonly pages = new Set<ItemPage>();
  private readonly stops: Stop[] = [];
  /** The version of the report: counts how often the environment was opened or the page connected to the service. */
  private openings = 0;
  private isOpening = false;

  constructor(
    private readonly source: Source,
    door: Door | null = null,
  ) {
    const clock = signal<Clock>({ now: source.now(), zone: new Zone(-new Date().getTimezoneOffset() * 60) });
    this.clock = clock;
    const ticking = setInterval(() => {
      // Stop the clock while the data is old.
      if (source.link.value.state === "live") clock.value = { ...clock.value, now: source.now() };
    }, TICK);
    const { status, notices, dialogs } = this;
    this.lists = new Lists(source);
    this.devices = this.lists.deviceNames;
    this.tree = new Devices(source, this.lists);
    this.actions = new Actions({ source, status, clock, notices, dialogs });
    this.ending = new Ending(status, this.actions, notices);
    this.activity = new Activity(source);
    this.instruments = new Instruments(door);
    void this.instruments.look();
    this.alarms = new Alarms(source, () => this.devices.value);
    this.lock = new Followed(async () => (await source.ask("lock_info", LOCK_ONLY)).lock_info);
    this.startup = new Followed(async () => (await source.ask("environment_report", {})).report);
    this.faults = new Faults(source);
    this.past = new Past(source);
    this.console = new Console(source);
    this.runs = new Runs(source);
    this.queue = new Queue(source, (event) => this.take(event));
    this.estimates = new Estimates(source);
    const { queue, actions, devices, lists } = this;
    this.again = new Again({ actions, notices, devices });
    this.edit = new QueueEdit({ source, queue, actions, notices, dialogs, devices });
    this.beside = computed(() =>
      this.edit.selection.chosen.value.size === 1 ? (this.edit.selected()[0] ?? null) : null,
    );
    this.composer = new Composer({ source, actions, queue, lists, status, clock, beside: this.beside });
    this.stops = [
      effect(() => this.composer.follow(this.queue.items.value)),
      () => clearInterval(ticking),
      effect(() => this.faults.look(this.queue.items.value, this.status.value, this.devices.value.size > 0)),
      effect(() => this.estimates.look(this.queue.items.value, this.status.value)),
      effect(() => {
        this.queue.items.value; // run again whenever the queue changes
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

  /** A new import of a table of plans. */
  newTable(): SheetImport {
    const { source, actions, composer } = this;
    return new SheetImport({ source, actions, where: () => composer.where() });
  }

  /** The part of the history that a filter selects. It replaces the part that an earlier filter selected. */
  search(filter: HistoryFilter): Past {
    const query = paramsOf(filter, this.clock.peek());
    this.searched = Object.keys(query).length > 0 ? new Past(this.source, query) : null;
    return this.searched ?? this.past;
  }

  /** When plans were paused. */
  newPauses(): Pauses {
    return new Pauses(this.source);
  }

  /** All items that a filter selects, oldest first. */
  readAll(filter: HistoryFilter): Promise<HistoryItem[]> {
    return readAll(this.source, paramsOf(filter, this.clock.peek()));
  }

  /** Everything about one item, until it is closed. */
  openItem(uid: string): ItemPage {
    const closed = (page: ItemPage) => this.pages.delete(page);
    const page = new ItemPage(uid, { source: this.source, find: (each) => this.queue.find(each), closed });
    this.pages.add(page);
    return page;
  }

  close(): void {
    for (const page of [...this.pages]) page.close();
    for (const stop of this.stops) stop();
    const { queue, console, runs, faults, notices, lock, startup, composer, estimates } = this;
    for (const part of [queue, console, runs, faults, notices, lock, startup, composer, estimates]) part.close();
    this.instruments.close();
    this.source.close();
  }

  private async connected(): Promise<void> {
    const status = await this.source.ask("status", {}).catch(() => null);
    this.openings += 1; // the environment may have been opened in the meantime
    if (status && this.status.value === null) this.takeStatus(status);
    this.past.again();
    void this.instruments.look();
    this.searched?.again();
    for (const page of this.pages) page.again();
  }

  private takeStatus(status: Status): void {
    this.status.value = status;
    this.queue.compare(status);
    this.lock.look(status.lock_info_uid);
    this.lookAtStartup(status);
    this.lists.look(status);
    this.tree.look(status);
  }

  private lookAtStartup(status: Status): void {
    const isOpening = status.manager_state === "creating_environment";
    if (this.isOpening && !isOpening) this.openings += 1;
    this.isOpening = isOpening;
    if (!isOpening) this.startup.look(String(this.openings));
  }

  private take(event: ServiceEvent): void {
    this.past.take(event);
    this.searched?.take(event);
    this.activity.take(event);
    this.alarms.take(event);
    this.edit.take(event);
    for (const page of this.pages) page.take(event);
  }
}
