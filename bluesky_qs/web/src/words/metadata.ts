/** Metadata as people type it: a key, and a value that is text unless it is written as another value. */

import { NotAValue, readValue, type Value } from "./literal";
import { mergedMetadata, valueText } from "./plan";

export interface MetaRow {
  key: string;
  text: string;
}

/** What typed metadata means: `180` is a number, `2026-114` and `Si 111` are text, and so is `'180'`. */
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

/** The text that means a value. */
export function metaText(value: Value): string {
  return typeof value === "string" && metaValue(value) === value ? value : valueText(value);
}

/** The rows for the metadata of an item. */
export function metaRows(meta: unknown): MetaRow[] {
  const merged = mergedMetadata(meta as Parameters<typeof mergedMetadata>[0]);
  return Object.entries(merged).map(([key, value]) => ({ key, text: metaText(value as Value) }));
}

/** The metadata of rows; those without a key and a text are left out. */
export function metaOf(rows: readonly MetaRow[]): Record<string, Value> {
  const filled = rows.filter(({ key, text }) => key.trim() || text.trim());
  return Object.fromEntries(filled.map(({ key, text }) => [key.trim(), metaValue(text)]));
}

/** What is wrong with rows; empty if nothing is. */
export function metaProblem(rows: readonly MetaRow[]): string {
  const keys = rows.filter(({ key, text }) => key.trim() || text.trim()).map(({ key }) => key.trim());
  if (keys.includes("")) return "Metadata needs a name for each value.";
  const twice = keys.find((key, at) => keys.indexOf(key) < at);
  return twice === undefined ? "" : `The metadata ${twice} is given twice.`;
}

/** The kind of a value that is no text, so that nobody is surprised. */
export function metaKind(text: string): string {
  const value = metaValue(text);
  if (typeof value === "string") return "";
  if (value === null) return "None";
  if (Array.isArray(value)) return "list";
  return { number: "number", boolean: "True or False" }[typeof value as string] ?? "dictionary";
}
