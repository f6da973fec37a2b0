/** Writes items as users type them at the prompt. */

import type { Item } from "../source/source";

/** The keys of an item that determine its text. */
export type Call = { readonly [K in "item_type" | "name" | "args" | "kwargs"]?: Item[K] | undefined };

const NOTHING: ReadonlySet<string> = new Set();
const KEYWORDS = new Set(
  (
    "False None True and as assert async await break class continue def del elif else except finally for from global " +
    "if import in is lambda nonlocal not or pass raise return try while with yield"
  ).split(" "),
);

/** The call as a user would type it. Names in `known` (devices, plans) have no quotes. */
export function planText(item: Call, known: ReadonlySet<string> = NOTHING): string {
  const name = String(item.name ?? "?");
  if (item.item_type === "instruction") return name;
  const parts = (item.args ?? []).map((value) => valueText(value, known));
  const spread: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(item.kwargs ?? {})) {
    if (/^[A-Za-z_]\w*$/.test(key) && !KEYWORDS.has(key)) parts.push(`${key}=${valueText(value, known)}`);
    else spread[key] = value;
  }
  if (Object.keys(spread).length > 0) parts.push(`**${valueText(spread, known)}`);
  return `${name}(${parts.join(", ")})`;
}

/** A value as Python source code. */
export function valueText(value: unknown, known: ReadonlySet<string> = NOTHING): string {
  if (typeof value === "string") return known.has(value) ? nameText(value) : quoted(value);
  if (typeof value === "number") return numberText(value);
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map((each) => valueText(each, known)).join(", ")}]`;
  const pairs = Object.entries(value).map(([key, each]) => `${quoted(key)}: ${valueText(each, known)}`);
  return `{${pairs.join(", ")}}`;
}

/** Metadata as one object. As in a run, earlier objects take precedence over later ones. */
export function mergedMetadata(meta: Item["meta"]): Record<string, unknown> {
  const parts = Array.isArray(meta) ? meta : [meta ?? {}];
  return Object.assign({}, ...[...parts].reverse());
}

/** `sample=S03 temperature=180`: metadata with as few quotes as possible. */
export function metadataPairs(meta: Item["meta"]): [string, string][] {
  return Object.entries(mergedMetadata(meta)).map(([key, value]) => [
    key,
    typeof value === "string" ? value : valueText(value),
  ]);
}

/** A device's name in Python: `vec.axes[1]` for `vec.axes.1`. */
function nameText(name: string): string {
  return name.replace(/\.(\d+)(?![^.])/g, "[$1]");
}

function numberText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return String(value);
  const magnitude = Math.abs(value);
  if (magnitude >= 1e-4 && magnitude < 1e16) return String(value);
  const [digits, power] = value.toExponential().split("e") as [string, string];
  return `${digits}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

const ESCAPES: Record<string, string> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: Python writes these characters as escapes
  const escaped = text.replace(/[\\\x00-\x1f\x7f-\xa0\xad]/g, (char) => {
    return ESCAPES[char] ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return quote + (quote === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quote;
}
