/** Cells copied from a spreadsheet program: text with tabs, with quotes as in CSV. */

/** The cells of an HTML table from the clipboard; null if there is no table.
 *
 * Spreadsheet programs copy the rounded numbers that they show. If the HTML also has exact values, those are used.
 */
export function cellsOfHtml(html: string): string[][] | null {
  const table = new DOMParser().parseFromString(html, "text/html").querySelector("table");
  if (!table) return null;
  return [...table.rows].map((row) => [...row.cells].flatMap(cellsOf));
}

/** A merged cell is marked, and takes the place of several cells. */
function cellsOf(cell: HTMLTableCellElement): string[] {
  const exact = cell.getAttribute("sdval") || cell.getAttribute("x:num") || "";
  const text = exact || (cell.textContent ?? "").replace(/\s+/g, " ").trim();
  if (cell.colSpan <= 1) return [text];
  return [text, ...Array<string>(cell.colSpan - 1).fill("")];
}

/** Whether the table has merged cells. A table of plans must not have any. */
export function areMerged(html: string): boolean {
  const cells = [
    ...new DOMParser().parseFromString(html, "text/html").querySelectorAll<HTMLTableCellElement>("td, th"),
  ];
  return cells.some((cell) => cell.colSpan > 1 || cell.rowSpan > 1);
}

/** The cells as tab-separated text. */
export function tabbed(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => row.map(inQuotes).join("\t")).join("\n");
}

function inQuotes(cell: string): string {
  return /["\t\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
