/** Adds plans and edits queued ones. The typed line and the form are two views of the same plan. */

import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { HistoryItem, Item, Refused, Schemas, Source, Status } from "../source/source";
import type { Value } from "../words/literal";
import { type MetaRow, metaOf, metaProblem, metaRows } from "../words/metadata";
import { type Call, planText } from "../words/plan";
import { refusalSentence } from "../words/refusals";
import { repairs } from "../words/repairs";
import type { Clock } from "../words/status";
import type { Actions } from "./actions";
import {
  callOf,
  type Entries,
  type Entry,
  entriesOf,
  type Field,
  fieldsOf,
  type Given,
  givenBy,
  NOT_GIVEN,
} from "./form";
import { Latest } from "./latest";
import type { Lists } from "./lists";
import { type Outcome, Outcomes } from "./outcome";
import type { Queue } from "./queue";
import { check, faultsOf, type MetaCall, NOTHING, type Reading, readText } from "./reading";
import { isSameItem } from "./versions";

/** Where to add a new item: at an end of the queue, or before or after the selected item. */
export type Place = "back" | "front" | "before" | "after";

export interface Around {
  readonly source: Source;
  readonly actions: Actions;
  readonly queue: Queue;
  readonly lists: Lists;
  readonly status: ReadonlySignal<Status | null>;
  readonly clock: ReadonlySignal<Clock>;
  /** The selected item, next to which a new one can be added; null unless exactly one is selected. */
  readonly beside: ReadonlySignal<Item | null>;
}

/** The subject of the editor: a new item, a changed copy of a history item, or a queued item. */
export type Subject = { kind: "new" } | { kind: "again"; item: HistoryItem } | { kind: "edit"; item: Item };

export interface Form {
  name: string;
  fields: readonly Field[];
  entries: Entries;
  before: Given;
}

/** The current version of an item that someone else has changed; null if the item has left the queue. */
export interface Conflict {
  theirs: Item | null;
  /** Whether the service refused the user's changes because of this conflict. */
  isRefused: boolean;
}

const NEW: Subject = { kind: "new" };
/** Error classes that mean that the plan is invalid. */
const INVALID = ["InvalidPlan", "ItemError"];

export class Composer {
  readonly text = signal("");
  /** The form; null while the user types the plan as text. */
  readonly form = signal<Form | null>(null);
  readonly meta = signal<readonly MetaRow[]>([]);
  readonly place = signal<Place>("back");
  readonly subject = signal<Subject>(NEW);
  readonly reading = signal<Reading>(NOTHING);
  readonly conflict = signal<Conflict | null>(null);
  /** The message about the last addition or change; it is shown as long as it is true. */
  readonly outcome: Signal<Outcome | null>;
  /** Why the plan was not added or saved, if the plan itself is not the reason. */
  readonly problem = signal("");
  /** Errors in the form, by field name. */
  readonly problems = signal<Readonly<Record<string, string>>>({});
  readonly isBusy = signal(false);
  /** The estimate for the last item added; null until the service has one. */
  readonly estimate: ReadonlySignal<Schemas["ItemEstimate"] | null>;
  readonly isDirty: ReadonlySignal<boolean>;

  /** The last plan added, which the ↑ key brings back. */
  private last: { text: string; meta: readonly MetaRow[] } | null = null;
  /** The text and metadata that the item had when it was opened. */
  private readonly opened = signal({ text: "", meta: "[]" });
  private readonly looking: Latest<void>;
  private readonly outcomes: Outcomes;

  constructor(private readonly around: Around) {
    this.outcomes = new Outcomes(around);
    this.outcome = this.outcomes.latest;
    this.estimate = this.outcomes.estimate;
    this.looking = new Latest((_, isLatest) => this.look(isLatest));
    this.isDirty = computed(
      () => this.text.value !== this.opened.value.text || JSON.stringify(this.meta.value) !== this.opened.value.meta,
    );
  }

  close(): void {
    this.outcomes.close();
  }

  // ------------------------------------------------------------------------------------------------ the typed line

  type(text: string): void {
    batch(() => {
      this.text.value = text;
      this.changed();
    });
  }

  setMeta(rows: readonly MetaRow[]): void {
    batch(() => {
      this.meta.value = rows;
      this.changed();
    });
  }

  /** Bring back the last plan added, so that the user can change it. Returns false if the line is not empty. */
  recall(): boolean {
    if (this.last === null || this.text.value.trim() || this.subject.value.kind !== "new") return false;
    const { text, meta } = this.last;
    batch(() => {
      this.meta.value = meta;
      this.type(text);
    });
    return true;
  }

  // ------------------------------------------------------------------------------------------------------- the form

  /** Switch to the form. It contains as much of the typed plan as can be read. */
  async openForm(): Promise<void> {
    const text = this.text.value;
    const known = await this.around.lists.read();
    for (const attempt of [text, ...repairs(text)]) {
      const reading = await readText(this.around.source, attempt, known).catch(() => null);
      if (reading === null || text !== this.text.value) return;
      const { call } = reading;
      if (call?.item_type === "plan" && call.name) {
        this.show(this.ownCall(call), attempt);
        return;
      }
    }
    this.form.value = { name: "", fields: [], entries: {}, before: NOT_GIVEN };
  }

  /** Switch back to the typed line. */
  closeForm(): void {
    this.form.value = null;
    this.problems.value = {};
    this.looking.submit();
  }

  /** Choose a plan in the form. Parameters that both plans have keep their values. */
  choosePlan(name: string): void {
    const plan = this.around.lists.known.value.plans[name];
    const fields = fieldsOf(plan);
    const before = this.form.value;
    const entries: Record<string, Entry> = {};
    for (const field of fields) {
      const old = before?.fields.find((each) => each.name === field.name);
      const entry = before?.entries[field.name];
      if (entry && JSON.stringify(old?.shape) === JSON.stringify(field.shape)) entries[field.name] = entry;
    }
    this.fillIn({ name, fields, entries, before: NOT_GIVEN });
  }

  fill(field: Field, entry: Entry): void {
    const form = this.form.value;
    if (form) this.fillIn({ ...form, entries: { ...form.entries, [field.name]: entry } });
  }

  private fillIn(form: Form): void {
    const { call, problems } = callOf(form.name, form.fields, form.entries, form.before);
    batch(() => {
      this.form.value = form;
      this.problems.value = problems;
      if (call && form.name) this.text.value = planText(call, this.around.lists.names.value);
      this.changed();
    });
  }

  /** Show a call in the form, and add metadata from an `RE(...)` call to the metadata rows. */
  private show(call: MetaCall, text: string): void {
    const fields = fieldsOf(this.around.lists.known.value.plans[call.name as string], call);
    const entries = entriesOf(fields, call, this.around.lists.names.value);
    const form = { name: call.name as string, fields, entries, before: givenBy(call) };
    batch(() => {
      if (call.meta) {
        const typed = metaRows(call.meta);
        const keys = new Set(typed.map(({ key }) => key));
        this.meta.value = [...this.meta.value.filter(({ key }) => !keys.has(key)), ...typed];
      }
      // Keep the user's text until the form changes.
      if (call.meta || text !== this.text.value) this.fillIn(form);
      else this.form.value = form;
    });
  }

  // ----------------------------------------------------------------------------------------------------- the subject

  /** Open a queued item for editing. */
  edit(item: Item): void {
    this.open({ kind: "edit", item }, item);
  }

  /** Open a copy of a history item, to change it and add it to the queue. */
  again(item: HistoryItem): void {
    this.open({ kind: "again", item }, item);
  }

  /** Discard the text or the form. */
  cancel(): void {
    this.open(NEW, null);
  }

  private open(subject: Subject, item: Item | HistoryItem | null): void {
    this.around.lists.wantPlans();
    const text = item ? planText(item, this.around.lists.names.value) : "";
    const meta = item ? metaRows(item.meta) : [];
    batch(() => {
      this.opened.value = { text, meta: JSON.stringify(meta) };
      this.subject.value = subject;
      this.form.value = null;
      this.conflict.value = null;
      this.problems.value = {};
      this.reading.value = NOTHING;
      this.meta.value = meta;
      this.type(text);
    });
  }

  /** Check whether someone else has changed the edited item. Called whenever the queue changes. */
  follow(items: readonly Item[]): void {
    const subject = this.subject.peek();
    if (subject.kind !== "edit" || this.isBusy.peek()) return;
    const theirs = items.find((item) => item.item_uid === subject.item.item_uid) ?? null;
    const isRefused = this.conflict.peek()?.isRefused ?? false;
    if (theirs && isSameItem(theirs, subject.item)) {
      if (!isRefused) this.conflict.value = null;
    } else {
      this.conflict.value = { theirs, isRefused };
    }
  }

  // -------------------------------------------------------------------------------------------------------- submitting

  /** Add the item, or save the changes. If this fails, return false; the reading or `problem` then has the reason. */
  async submit(): Promise<boolean> {
    if (this.isBusy.value) return false;
    this.isBusy.value = true;
    this.outcome.value = null;
    try {
      const call = await this.ready();
      if (call === null) return false;
      const { subject } = this;
      return subject.value.kind === "edit" ? await this.save(call, subject.value.item) : await this.add(call);
    } finally {
      this.isBusy.value = false;
      // The refusal contained the newest version, which may not have reached the queue on this page yet.
      if (!this.conflict.value?.isRefused) this.follow(this.around.queue.items.peek());
    }
  }

  /** Save the user's version in place of the other user's. */
  async keepMine(): Promise<boolean> {
    const theirs = this.conflict.value?.theirs;
    if (!theirs) return false;
    this.subject.value = { kind: "edit", item: theirs };
    return this.submit();
  }

  /** Edit the other user's version, and discard this user's changes. */
  takeTheirs(): void {
    const theirs = this.conflict.value?.theirs;
    if (theirs) this.edit(theirs);
  }

  /** Add the user's version as a new item, because the edited item has left the queue or someone else has changed it.
   * */
  async addMine(): Promise<boolean> {
    batch(() => {
      this.subject.value = NEW;
      this.conflict.value = null;
    });
    return this.submit();
  }

  /** The item to send, without the keys that the service adds. */
  item(call: MetaCall): Record<string, unknown> {
    const subject = this.subject.value;
    const meta = { ...call.meta, ...metaOf(this.meta.value) };
    const isMetaKept =
      subject.kind !== "new" && !call.meta && JSON.stringify(this.meta.value) === this.opened.value.meta;
    const given = isMetaKept ? subject.item.meta : meta;
    const { item_type, name, args, kwargs } = call;
    return {
      item_type,
      name,
      ...(args?.length ? { args } : {}),
      ...(kwargs && Object.keys(kwargs).length > 0 ? { kwargs } : {}),
      ...(given && Object.keys(given).length > 0 ? { meta: given } : {}),
    };
  }

  /** The call, or null if it cannot be sent. The errors are in the reading. */
  private async ready(): Promise<MetaCall | null> {
    const isKnown = this.around.status.value !== null;
    this.problem.value = isKnown ? metaProblem(this.meta.value) : "The service has not answered yet. Try again.";
    if (this.problem.value || Object.keys(this.problems.value).length > 0) return null;
    this.looking.drop();
    let reading: Reading;
    try {
      reading = await this.read();
    } catch (error) {
      this.problem.value = `The plan could not be read: ${(error as Error).message}`;
      return null;
    }
    this.reading.value = reading;
    if (!reading.call && reading.errors.length === 0)
      this.problem.value = "Type a plan first, such as count([det1], num=3).";
    return reading.errors.length > 0 ? null : reading.call;
  }

  private async add(call: MetaCall): Promise<boolean> {
    const item = this.item(call);
    const reply = await this.run("queue_item_add", { item, ...this.where() });
    if (!reply?.item) return false;
    this.last = { text: this.text.value, meta: this.meta.value };
    const done = await this.outcomes.added(reply);
    batch(() => {
      this.cancel();
      done();
    });
    return true;
  }

  /** The request parameters for the place of a new item. */
  where(): Record<string, string> {
    const beside = this.around.beside.value;
    const place = this.place.value;
    if (place === "front") return { pos: "front" };
    if (place === "back" || !beside) return {};
    return place === "before" ? { before_uid: beside.item_uid } : { after_uid: beside.item_uid };
  }

  private async save(call: MetaCall, before: Item): Promise<boolean> {
    const { item_type: _, name: __, args: ___, kwargs: ____, meta: _____, result: ______, ...kept } = before;
    const item = { ...kept, ...this.item(call) };
    const reply = await this.run("queue_item_update", { item, expected: { ...before } });
    if (!reply?.item) return false;
    batch(() => {
      this.cancel();
      this.outcomes.changed(reply);
    });
    return true;
  }

  private async run(
    method: "queue_item_add" | "queue_item_update",
    params: { item: Record<string, unknown>; expected?: Record<string, unknown> },
  ): Promise<Schemas["ItemAdded"] | null> {
    let refusal: Refused | null = null;
    const refused = (found: Refused) => {
      refusal = found;
    };
    const reply = await this.around.actions.run(method, params, { refused });
    if (refusal) await this.explain(method, refusal);
    return reply;
  }

  private async explain(method: "queue_item_add" | "queue_item_update", refusal: Refused): Promise<void> {
    const { reply, code, message } = refusal;
    const findings = (reply.errors ?? []) as Schemas["Finding"][];
    if (code === "ItemChanged") {
      this.conflict.value = { theirs: (reply.item as Item | null) ?? null, isRefused: true };
    } else if (code === "NotFound" && method === "queue_item_update") {
      this.conflict.value = { theirs: null, isRefused: true };
    } else if (findings.length > 0 || INVALID.includes(code)) {
      const text = this.text.value;
      const errors = await faultsOf(this.around.source, text, findings, message);
      this.reading.value = { ...this.reading.value, text, errors, warnings: [], isChecked: true };
    } else {
      const { source, clock } = this.around;
      const lock = code === "Locked" ? await source.ask("lock_info", {}).catch(() => null) : null;
      this.problem.value = refusalSentence(method, refusal, clock.value, { info: lock?.lock_info });
    }
  }

  // ------------------------------------------------------------------------------------------------ while the user
  // types

  private changed(): void {
    this.outcome.value = null;
    this.problem.value = "";
    this.looking.submit();
  }

  private async look(isLatest: () => boolean): Promise<void> {
    // If there is no answer, the page shows that the connection is lost. The next keystroke tries again.
    const reading = await this.read().catch(() => null);
    if (reading === null || !isLatest()) return;
    if (!reading.call) {
      this.reading.value = reading;
      return;
    }
    const checked = await check(this.around.source, reading, this.item(reading.call));
    if (isLatest()) this.reading.value = checked;
  }

  /** The plan from the line or the form, before the service has checked it. */
  private async read(): Promise<Reading> {
    const form = this.form.peek();
    const text = this.text.peek();
    if (form) {
      const { call } = callOf(form.name, form.fields, form.entries, form.before);
      return { ...NOTHING, text: "", call: form.name ? call : null };
    }
    const reading = await readText(this.around.source, text, await this.around.lists.read());
    return reading.call ? { ...reading, call: this.ownCall(reading.call) } : reading;
  }

  /** An item whose text has not changed keeps its original arguments, because reading the text again may alter them. */
  private ownCall(call: MetaCall): MetaCall {
    const subject = this.subject.peek();
    if (subject.kind === "new" || this.text.peek() !== this.opened.peek().text) return call;
    const { item_type, name, args, kwargs } = subject.item as Call & { args?: Value[] };
    return { item_type, name, args, kwargs };
  }
}
