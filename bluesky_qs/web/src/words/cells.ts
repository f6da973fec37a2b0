/** Cells that are copied from a spreadsheet program: as text with tabs, in which a cell may be in quotes as in CSV. */

/** The cells of the table in an HTML text from the clipboard; null without one.
 *
 * Spreadsheet programs show rounded numbers. Where the text has the exact ones, these count.
 */
export function cellsOfHtml(html: string): string[][] | null {
  const table = new DOMParser().parseFromString(html, "text/html").querySelector("table");
  if (!table) return null;
  return [...table.rows].map((row) => [...row.cells].flatMap(cellsOf));
}

/** A merged cell stands for several cells, and is marked. */
function cellsOf(cell: HTMLTableCellElement): string[] {
  const exact = cell.getAttribute("sdval") || cell.getAttribute("x:num") || "";
  const text = exact || (cell.textContent ?? "").replace(/\s+/g, " ").trim();
  if (cell.colSpan <= 1) return [text];
  return [text, ...Array<string>(cell.colSpan - 1).fill("")];
}

/** Whether cells are merged, which a table of plans cannot have. */
export function areMerged(html: string): boolean {
  const cells = [
    ...new DOMParser().parseFromString(html, "text/html").querySelectorAll<HTMLTableCellElement>("td, th"),
  ];
  return cells.some((cell) => cell.colSpan > 1 || cell.rowSpan > 1);
}

/** The cells as text with tabs. */
export function tabbed(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => row.map(inQuotes).join("\t")).join("\n");
}

function inQuotes(cell: string): string {
  return /["\t\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
