/** Metadata that users type: keys and values. A value is text unless it is a different kind of literal. */

import { NotAValue, readValue, type Value } from "./literal";
import { mergedMetadata, valueText } from "./plan";

export interface MetaRow {
  key: string;
  text: string;
}

/** The value of typed metadata. `180` is a number; `2026-114`, `Si 111` and `'180'` are text. */
export function metaValue(text: string): Value {
  const typed = text.trim();
  if (typed === "" || /^[-+]?0\d/.test(typed)) return typed; // 007 is a name
  try {
    return readValue(typed);
  } catch (error) {
    if (!(error instanceof NotAValue)) throw error;
    return typed;
  }
}

/** The text for a value. */
export function metaText(value: Value): string {
  return typeof value === "string" && metaValue(value) === value ? value : valueText(value);
}

/** The rows for an item's metadata. */
export function metaRows(meta: unknown): MetaRow[] {
  const merged = mergedMetadata(meta as Parameters<typeof mergedMetadata>[0]);
  return Object.entries(merged).map(([key, value]) => ({ key, text: metaText(value as Value) }));
}

/** The metadata from the rows, without empty rows. */
export function metaOf(rows: readonly MetaRow[]): Record<string, Value> {
  const filled = rows.filter(({ key, text }) => key.trim() || text.trim());
  return Object.fromEntries(filled.map(({ key, text }) => [key.trim(), metaValue(text)]));
}

/** The error in the rows; empty if there is none. */
export function metaProblem(rows: readonly MetaRow[]): string {
  const keys = rows.filter(({ key, text }) => key.trim() || text.trim()).map(({ key }) => key.trim());
  if (keys.includes("")) return "Metadata needs a name for each value.";
  const twice = keys.find((key, at) => keys.indexOf(key) < at);
  return twice === undefined ? "" : `Metadata '${twice}' is given twice.`;
}

/** The kind of a value that is not text. The form shows it to avoid surprises. */
export function metaKind(text: string): string {
  const value = metaValue(text);
  if (typeof value === "string") return "";
  if (value === null) return "None";
  if (Array.isArray(value)) return "list";
  return { number: "number", boolean: "True or False" }[typeof value as string] ?? "dictionary";
}
