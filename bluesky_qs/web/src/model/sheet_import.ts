/** Imports plans from pasted cells or a file. The service reads the table. Either all of its plans are added or none.
 * */

import { batch, signal } from "@preact/signals";
import type { Item, Refused, Schemas, Source } from "../source/source";
import { withoutLead } from "../words/findings";
import type { Actions } from "./actions";
import { Latest } from "./latest";
import { addedTableText, type Outcome } from "./outcome";

export type Sheet = Schemas["ParsedSheet"];

/** The file name for pasted cells. */
const PASTED = "pasted.csv";

export interface Around {
  readonly source: Source;
  readonly actions: Actions;
  /** The request parameters for the place in the queue. */
  readonly where: () => Record<string, string>;
}

interface Job {
  data: Blob;
  name: string;
}

export class SheetImport {
  /** Pasted or typed cells. */
  readonly text = signal("");
  /** The name of the file; empty for pasted cells. */
  readonly fileName = signal("");
  readonly sheet = signal<Sheet | null>(null);
  readonly isReading = signal(false);
  readonly isBusy = signal(false);
  /** Why the table could not be read or added. */
  readonly problem = signal("");
  private readonly reading: Latest<Job>;

  constructor(private readonly around: Around) {
    this.reading = new Latest((job, isLatest) => this.read(job, isLatest));
  }

  /** Whether all cells are valid. */
  get isRight(): boolean {
    const sheet = this.sheet.value;
    return sheet !== null && !this.isReading.value && sheet.error_count === 0 && sheet.items.length > 0;
  }

  type(text: string): void {
    batch(() => {
      this.text.value = text;
      this.fileName.value = "";
      if (text.trim()) this.look({ data: new Blob([text]), name: PASTED });
      else this.forget();
    });
  }

  choose(file: File): void {
    batch(() => {
      this.text.value = "";
      this.fileName.value = file.name;
      this.look({ data: file, name: file.name });
    });
  }

  /** Add all plans. Returns null if they were not added; `problem` then has the reason. */
  async add(): Promise<Outcome | null> {
    const { sheet } = this;
    if (!this.isRight || sheet.value === null || this.isBusy.value) return null;
    const { items } = sheet.value;
    this.isBusy.value = true;
    try {
      const params = { items: [...items], ...this.around.where() };
      const reply = await this.around.actions.run("queue_item_add_batch", params, {
        refused: (refusal) => this.refused(refusal),
      });
      return reply && (await this.added(reply.items));
    } finally {
      this.isBusy.value = false;
    }
  }

  private look(job: Job): void {
    this.isReading.value = true;
    this.problem.value = "";
    this.reading.submit(job);
  }

  private forget(): void {
    this.reading.drop();
    this.isReading.value = false;
    this.problem.value = "";
    this.sheet.value = null;
  }

  private async read({ data, name }: Job, isLatest: () => boolean): Promise<void> {
    try {
      const sheet = await this.around.source.readSheet(data, name);
      if (!isLatest()) return;
      batch(() => {
        // A sheet has no columns if the file could not be read.
        this.sheet.value = sheet.columns.length > 0 ? sheet : null;
        if (sheet.columns.length === 0) this.problem.value = sheet.msg ?? "";
        this.isReading.value = false;
      });
    } catch (error) {
      if (!isLatest()) return;
      this.isReading.value = false;
      this.problem.value = error instanceof Error ? error.message : String(error);
    }
  }

  /** Report, by row, plans that were valid when the table was read but are refused now. */
  private refused({ message, reply }: Refused): void {
    const rows = this.sheet.value?.item_rows ?? [];
    const results = (reply.results ?? []) as Schemas["ItemResult"][];
    const wrong = results.flatMap((result, at) => (result.msg ? [`row ${rows[at]}: ${withoutLead(result.msg)}`] : []));
    this.problem.value = `Nothing was added. ${wrong.length > 0 ? wrong.slice(0, 5).join("; ") : withoutLead(message)}`;
  }

  private async added(items: readonly Item[]): Promise<Outcome> {
    const uid = items[0]?.item_uid;
    const reply = uid && (await this.around.source.ask("item_status", { item_uid: uid }).catch(() => null));
    const position = reply ? (reply.status as Schemas["ItemState"]).position : undefined;
    return { kind: "table", text: addedTableText(items.length, position), items, warnings: [], isSeen: false };
  }
}
