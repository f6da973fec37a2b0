/** The runs of the running plan or another one, built from its documents: moved devices, read fields, points so far.
 *
 * The fields are chosen as at the prompt (`bluesky_qs/documents.py`, `ipython_extension/live/plot.py`). Any part of a
 * document may have any shape; a part with an unexpected shape counts as missing.
 */

import { batch, type ReadonlySignal, signal } from "@preact/signals";
import type { Document, Reply, Source } from "../source/source";
import { CatchUp } from "./catch_up";

type Doc = Record<string, unknown>;

const ASIDE = ["baseline", "interruptions"];
/** Maximum number of points for grid scans and for other runs. Other runs lose every second older point beyond that. */
const MOST_OF_GRID = 20_000;
const MOST = 4_000;
/** Maximum number of runs to keep, and of cells in a grid to draw. */
const MOST_RUNS = 20;
const MOST_CELLS = 1_000_000;
/** Number of the latest points, which are never dropped. */
const LATEST = 200;
/** Number of curves selected initially. */
const CURVES = 4;
const PAGE = 5000;
/** Maximum number of event pages to read. */
const MOST_PAGES = 4;
/** Milliseconds between updates. */
const PERIOD = 100;

export interface Field {
  name: string;
  units: string;
  precision: number | null;
}

export interface Point {
  number: number;
  time: number;
  data: Doc;
}

export class Run {
  /** Increases with each change. Views of the run read this, because the run's other fields are not signals. */
  readonly changes = signal(0);
  readonly points: Point[] = [];
  fields: Field[] = [];
  /** Fields of the devices that the plan moves. */
  along: string[] = [];
  /** Numeric fields that the plan reads. */
  read: string[] = [];
  /** All numeric fields. */
  numbers: string[] = [];
  isOpen = true;
  readonly stream: string;
  private readonly moved: string[][];
  private added = 0;
  private shown = "";

  constructor(readonly start: Doc) {
    const hinted = dimensions(start);
    const streams = new Set(hinted.map(([, stream]) => stream));
    this.stream = streams.size === 1 ? ([...streams][0] as string) : "primary";
    this.moved = streams.size === 1 ? hinted.map(([fields]) => fields) : names(start.motors).map((motor) => [motor]);
  }

  /** `Scan 12`, or `Run a1b2c3d4` without a scan number. */
  get name(): string {
    const number = this.start.scan_id;
    if (typeof number === "number" || typeof number === "string") return `Scan ${number}`;
    return `Run ${text(this.start.uid).slice(0, 8)}`;
  }

  /** The axes and the size of a two-dimensional grid scan; null for other runs. */
  get grid(): { slow: string; fast: string; rows: number; columns: number } | null {
    const [rows, columns, ...more] = Array.isArray(this.start.shape) ? this.start.shape : [];
    const [slow, fast] = this.along;
    if (this.moved.length !== 2 || more.length > 0 || !slow || !fast) return null;
    if (!isCount(rows) || !isCount(columns) || rows * columns > MOST_CELLS) return null;
    return { slow, fast, rows, columns };
  }

  /** The fields that are plotted initially. */
  get chosen(): string[] {
    return this.read.slice(0, CURVES);
  }

  describe(descriptor: Doc): void {
    const keys = record(descriptor.data_keys);
    this.fields = Object.entries(keys).map(([name, key]) => field(name, record(key)));
    this.numbers = Object.keys(keys).filter((name) => isNumber(keys[name]));
    const objects = record(descriptor.object_keys);
    const hinted = (device: string) => hintedFields(descriptor, device);
    const along = this.moved.flat().flatMap((name) => {
      const ofDevice = hinted(name);
      if (ofDevice.length > 0) return ofDevice;
      return names(objects[name]).length > 0 ? names(objects[name]) : [name];
    });
    this.along = [...new Set(along)].filter((name) => this.numbers.includes(name));
    const read = [...new Set(Object.keys(objects).flatMap(hinted))].filter((name) => this.numbers.includes(name));
    this.read = read.filter((name) => !this.along.includes(name));
    if (this.read.length === 0 && this.along.length === 0) this.read = this.numbers;
  }

  /** Whether the run has changed since the last call. */
  isChanged(): boolean {
    const now = `${this.added} ${this.isOpen} ${this.fields.length}`;
    const isNew = now !== this.shown;
    this.shown = now;
    return isNew;
  }

  add(event: Doc): void {
    this.added += 1;
    const number = typeof event.seq_num === "number" ? event.seq_num : this.points.length + 1;
    this.points.push({ number, time: Number(event.time) || 0, data: record(event.data) });
    if (this.grid) {
      if (this.points.length > MOST_OF_GRID) this.points.shift();
    } else if (this.points.length > MOST) {
      const older = this.points.splice(0, this.points.length - LATEST);
      this.points.unshift(...older.filter((_, at) => at % 2 === 0));
    }
  }
}

export class Runs {
  /** The runs of the item, oldest first. Each change makes a new array. */
  readonly runs = signal<readonly Run[]>([]);

  private readonly stream: CatchUp<"documents">;
  private item = "";
  private byUid = new Map<string, Run>();
  private descriptors = new Map<string, { run: Run; stream: string; last: number }>();
  private seen = new Set<string>();
  private isDue = false;

  /** With `only`, the runs of the item with this uid; otherwise those of the running item or the last one. */
  constructor(
    private readonly source: Source,
    private readonly only?: string,
  ) {
    this.stream = new CatchUp(source, {
      topic: "documents",
      read: () => (only ? this.read(only) : this.readLatest()),
      take: (message) => this.take(message),
    });
  }

  /** The reason why the earlier documents cannot be read; empty if they can. */
  get problem(): ReadonlySignal<string> {
    return this.stream.problem;
  }

  begin(): void {
    this.stream.begin();
  }

  close(): void {
    this.stream.close();
  }

  private async readLatest(): Promise<Document[]> {
    return (await this.source.ask("documents_get", { limit: PAGE })).documents;
  }

  /** An item's documents, oldest first. Each page has the documents that its events need. */
  private async read(item_uid: string): Promise<Document[]> {
    const pages: Document[][] = [];
    let before: number | null = null;
    do {
      const limits: { before?: number } = before === null ? {} : { before };
      const page: Reply<"documents_get"> = await this.source.ask("documents_get", { limit: PAGE, item_uid, ...limits });
      pages.unshift(page.documents);
      before = page.before;
    } while (before !== null && pages.length < MOST_PAGES);
    return pages.flat();
  }

  private take(message: Document): void {
    if (this.only && message.item_uid !== this.only) return;
    const doc = record(message.doc);
    const uid = text(doc.uid);
    if (message.item_uid !== this.item) this.reset(message.item_uid);
    if (message.name === "event") {
      this.placeEvent(doc);
    } else if (uid && !this.seen.has(uid)) {
      this.seen.add(uid);
      this.place(message.name, doc, uid);
    }
    if (!this.isDue) {
      this.isDue = true;
      setTimeout(() => {
        this.isDue = false;
        batch(() => {
          this.runs.value = [...this.byUid.values()];
          for (const run of this.byUid.values()) if (run.isChanged()) run.changes.value += 1;
        });
      }, PERIOD);
    }
  }

  private reset(item: string): void {
    this.item = item;
    this.byUid = new Map();
    this.descriptors = new Map();
    this.seen = new Set();
  }

  private place(name: string, doc: Doc, uid: string): void {
    if (name === "start") {
      this.byUid.set(uid, new Run(doc));
      const [oldest] = this.byUid.keys();
      if (this.byUid.size > MOST_RUNS && oldest) this.drop(oldest);
    } else if (name === "descriptor") {
      this.placeDescriptor(doc, uid);
    } else if (name === "stop") {
      const run = this.byUid.get(text(doc.run_start));
      if (run) run.isOpen = false;
    }
  }

  private drop(uid: string): void {
    for (const [descriptor, { run }] of this.descriptors) {
      if (run === this.byUid.get(uid)) this.descriptors.delete(descriptor);
    }
    this.byUid.delete(uid);
  }

  /** Events in a stream are numbered, so repeated ones can be recognized without storing uids. */
  private placeEvent(event: Doc): void {
    const place = this.descriptors.get(text(event.descriptor));
    if (!place || place.stream !== place.run.stream) return;
    const number = typeof event.seq_num === "number" ? event.seq_num : place.last + 1;
    if (number <= place.last) return;
    place.last = number;
    place.run.add(event);
  }

  private placeDescriptor(doc: Doc, uid: string): void {
    const run = this.byUid.get(text(doc.run_start));
    const stream = text(doc.name) || "primary";
    if (!run || ASIDE.includes(stream) || stream.endsWith("_monitor")) return;
    this.descriptors.set(uid, { run, stream, last: 0 });
    if (stream === run.stream) run.describe(doc);
  }
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0;
}

function field(name: string, key: Doc): Field {
  const precision = typeof key.precision === "number" && key.precision >= 0 ? Math.min(key.precision, 10) : null;
  return { name, units: text(key.units), precision };
}

/** A device's hinted fields, or all of its fields if none of those exist. Numeric fields come first. */
function hintedFields(descriptor: Doc, device: string): string[] {
  const keys = record(descriptor.data_keys);
  const hinted = names(record(record(descriptor.hints)[device]).fields);
  if (hinted.length === 0 || hinted.some((name) => name in keys)) return hinted;
  const own = names(record(descriptor.object_keys)[device]).filter((name) => name in keys);
  const numbers = own.filter((name) => isNumber(keys[name]));
  return numbers.length > 0 ? numbers : own;
}

function dimensions(start: Doc): [string[], string][] {
  const hinted = record(start.hints).dimensions;
  const pairs: [string[], string][] = [];
  for (const each of Array.isArray(hinted) ? hinted : []) {
    const [fields, stream] = Array.isArray(each) ? each : [];
    if (names(fields).length === 0 || typeof stream !== "string") return [];
    pairs.push([names(fields), stream]);
  }
  return pairs;
}

function isNumber(key: unknown): boolean {
  const { dtype, shape } = record(key);
  return (dtype === "number" || dtype === "integer") && !(Array.isArray(shape) && shape.length > 0);
}

function record(value: unknown): Doc {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Doc) : {};
}

function names(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
