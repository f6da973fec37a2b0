/** Imports a table of plans: pasted, dropped or chosen. Shows invalid cells; the plans are added together or not at
 * all. */

import { useSignal } from "@preact/signals";
import { useId, useMemo } from "preact/hooks";
import type { Sheet, SheetImport } from "../model/sheet_import";
import { areMerged, cellsOfHtml, tabbed } from "../words/cells";
import { plural } from "../words/times";
import { useModel } from "./app";
import { Dialog } from "./dialog";

/** Maximum number of rows and errors to show; there may be ten thousand. */
const MOST_ROWS = 200;
const MOST = 1000;

export function TableImport({ close }: { close: () => void }) {
  const model = useModel();
  const table = useMemo(() => model.newTable(), []);
  const isOver = useSignal(false);
  const { sheet, problem, fileName } = table;
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const done = await table.add();
    if (!done) return;
    model.composer.outcome.value = done;
    close();
  };
  const dropped = (event: DragEvent) => {
    event.preventDefault();
    isOver.value = false;
    const file = event.dataTransfer?.files[0];
    if (file) table.choose(file);
  };
  return (
    <Dialog title="Add plans from a table" onClose={close}>
      <form
        class={`table-import${isOver.value ? " over" : ""}`}
        aria-label="Add plans from a table"
        onSubmit={(event) => void submit(event)}
        onDragOver={(event) => {
          event.preventDefault();
          isOver.value = true;
        }}
        onDragLeave={() => {
          isOver.value = false;
        }}
        onDrop={dropped}
      >
        <Given table={table} />
        <p class="meta" role="status">
          {table.isReading.value ? "Reading …" : sheet.value ? summary(sheet.value, fileName.value) : ""}
        </p>
        {problem.value && (
          <p class="bad problem" role="alert">
            <span aria-hidden="true">✕ </span>
            {problem.value}
          </p>
        )}
        {sheet.value && <Preview sheet={sheet.value} />}
        <div class="answers">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={!table.isRight || table.isBusy.value}>
            {table.isRight ? `Add ${plural(sheet.value?.items.length ?? 0, "item")}` : "Add"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** The source of the cells: pasted text or a file. */
function Given({ table }: { table: SheetImport }) {
  const id = useId();
  const pasted = (event: ClipboardEvent) => {
    const file = event.clipboardData?.files[0];
    const html = event.clipboardData?.getData("text/html") ?? "";
    const cells = cellsOfHtml(html);
    if (file && !html) table.choose(file);
    else if (cells) {
      table.type(tabbed(cells));
      if (areMerged(html)) table.problem.value = "Some of the pasted cells are merged. Split them, and paste again.";
    } else return;
    event.preventDefault();
  };
  return (
    <>
      <p class="meta">
        The first row contains the headings: <span class="call">plan</span>, parameter names, and{" "}
        <span class="call">md.sample</span> for metadata. Each of the other rows is a plan.
      </p>
      <label for={`${id}-cells`}>Paste cells from a spreadsheet, or drop a file here</label>
      <textarea
        id={`${id}-cells`}
        class="call"
        rows={5}
        spellcheck={false}
        placeholder={"plan\tdetectors\tnum\tmd.sample\ncount\t[det1]\t5\tS03"}
        value={table.text.value}
        onPaste={pasted}
        onInput={(event) => table.type(event.currentTarget.value)}
      />
      <label class="file">
        Or choose a CSV or XLSX file
        <input
          type="file"
          accept=".csv,.xlsx"
          onChange={(event) => {
            const file = event.currentTarget.files?.[0];
            if (file) table.choose(file);
            event.currentTarget.value = ""; // so that the same file can be chosen again after it was corrected
          }}
        />
      </label>
    </>
  );
}

/** Summarizes a table, and says what to do about its errors and warnings. */
export function summary(sheet: Sheet, fileName: string): string {
  const what = `${fileName ? `${fileName}, ${sheet.sheet === fileName ? "" : `sheet ${sheet.sheet}, `}` : ""}${plural(sheet.row_count, "row")}`;
  if (sheet.error_count > 0)
    return `${what}: ${plural(sheet.error_count, "error")}. Nothing can be added until all cells are valid.`;
  if (sheet.warnings.length > 0)
    return `${what}: ${plural(sheet.warnings.length, "warning")}. Check the marked cells before you add the plans.`;
  return `${what}: all cells are valid.`;
}

function Preview({ sheet }: { sheet: Sheet }) {
  const errors = byCell(sheet.errors);
  const warnings = byCell(sheet.warnings);
  const wrongRows = new Set(sheet.errors.map((fault) => fault.row));
  const rows = [...sheet.rows].sort((a, b) => Number(wrongRows.has(b.number)) - Number(wrongRows.has(a.number)));
  const shown = rows.slice(0, MOST_ROWS).sort((a, b) => a.number - b.number);
  return (
    <>
      <FaultList sheet={sheet} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it */}
      <section class="preview" aria-label="Preview" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th class="n">#</th>
              {sheet.columns.map((column) => (
                <Cell key={column.number} tag="th" text={column.heading} why={errors.get(key(1, column.number))} />
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={row.number} class={wrongRows.has(row.number) ? "badrow" : ""}>
                <td class="n">{row.number}</td>
                {sheet.columns.map((column, at) => (
                  <Cell
                    key={column.number}
                    tag="td"
                    text={row.cells[at] ?? ""}
                    why={errors.get(key(row.number, column.number))}
                    doubt={warnings.get(key(row.number, column.number))}
                  />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
        {sheet.row_count > shown.length && <p class="meta">and {sheet.row_count - shown.length} more rows</p>}
      </section>
    </>
  );
}

interface CellProps {
  tag: "td" | "th";
  text: string;
  why: string | undefined;
  doubt?: string | undefined;
}

function Cell({ tag: Tag, text, why, doubt }: CellProps) {
  const sign = why === undefined ? (doubt === undefined ? "" : "⚠ ") : "✕ ";
  return (
    <Tag class={why !== undefined ? "call wrong" : doubt !== undefined ? "call doubt" : "call"} title={why ?? doubt}>
      {sign}
      {text}
    </Tag>
  );
}

/** All invalid cells, by row and column. */
function FaultList({ sheet }: { sheet: Sheet }) {
  const { errors, warnings, error_count: count } = sheet;
  if (errors.length + warnings.length === 0) return null;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it
    <ul class="fault-list" tabIndex={0} aria-label="Errors and warnings">
      {errors.slice(0, MOST).map((fault) => (
        <li key={`${fault.row} ${fault.label} ${fault.msg}`} class="bad">
          <span aria-hidden="true">✕ </span>
          {placeText(fault)}: {fault.msg}
        </li>
      ))}
      {count > MOST && <li class="bad">and {count - Math.min(errors.length, MOST)} more</li>}
      {warnings.slice(0, MOST).map((fault) => (
        <li key={`${fault.row} ${fault.label} ${fault.msg}`} class="warn">
          <span aria-hidden="true">⚠ </span>
          {placeText(fault)}: {fault.msg}
        </li>
      ))}
    </ul>
  );
}

function placeText({ row, label }: Sheet["errors"][number]): string {
  return label ? `Row ${row}, column ${label}` : `Row ${row}`;
}

function key(row: number, column: number): string {
  return `${row} ${column}`;
}

function byCell(faults: Sheet["errors"]): Map<string, string> {
  return new Map(faults.map((fault) => [key(fault.row, fault.column), fault.msg]));
}
