/** The history as text for a file: CSV, JSON, or lines that the prompt can queue again. */

import type { HistoryItem, Item } from "../source/source";
import { mergedMetadata, metadataPairs, planText, valueText } from "./plan";
import { ranges, reason, shownUser } from "./results";
import type { Zone } from "./times";

/** One line per item, and a column for each metadata key. Times are in the beamline's time zone. */
export function asCsv(items: readonly HistoryItem[], known: ReadonlySet<string>, zone: Zone): string {
  const keys = [...new Set(items.flatMap((item) => Object.keys(mergedMetadata(item.meta))))];
  const head = ["started", "ended", "seconds", "exit_status", "plan", "scan_ids", "user", "message", "run_uids"];
  const rows = items.map((item) => {
    const { result } = item;
    const { time_start: began, time_stop: ended } = result;
    const meta = new Map(metadataPairs(item.meta));
    return [
      began ? zone.text(began) : "",
      ended ? zone.text(ended) : "",
      began && ended ? (ended - began).toFixed(3) : "",
      result.exit_status,
      planText(item, known),
      ranges(result.scan_ids ?? []),
      shownUser(item.user),
      result.msg ? reason(result) : "",
      (result.run_uids ?? []).join(" "),
      ...keys.map((key) => meta.get(key) ?? ""),
    ];
  });
  return [[...head, ...keys.map((key) => `md.${key}`)], ...rows]
    .map((row) => `${row.map(cell).join(",")}\r\n`)
    .join("");
}

export function asJson(items: readonly HistoryItem[]): string {
  return `${JSON.stringify(items, null, 1)}\n`;
}

/** The plans as typed, with metadata. A plan that cannot be typed is written as JSON. `%qs add --file` reads both. */
export function asLines(items: readonly HistoryItem[], known: ReadonlySet<string>, name: string): string {
  return [`# Queue these plans with: %qs add --file ${name}`, ...items.map((item) => line(item, known)), ""].join("\n");
}

function line(item: Item, known: ReadonlySet<string>): string {
  const { item_type, name, args, kwargs, meta } = item;
  const pairs = Array.isArray(meta) ? null : Object.entries(meta ?? {});
  const isPlain = pairs?.every(([key]) => /^[A-Za-z_]\w*$/.test(key));
  const text = [planText(item, known), ...(pairs?.length ? ["--md"] : [])]
    .concat((pairs ?? []).map(([key, value]) => `${key}=${valueText(value)}`))
    .join(" ");
  // The prompt reads only printable characters. JSON escapes all others, including line breaks.
  if (isPlain && /^[ -~]*$/.test(text)) return text;
  return JSON.stringify({ item_type, name, args, kwargs, meta });
}

/** A CSV cell. A spreadsheet program would run a text that begins like a formula, so such a text gets an apostrophe. */
function cell(text: string): string {
  const isFormula = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text));
  const safe = isFormula ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
