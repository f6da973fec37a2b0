/** Compares two versions of an item. */

import type { Known } from "../words/completion";
import { metaRows } from "../words/metadata";
import type { Call } from "../words/plan";
import { entriesOf, fieldsOf } from "./form";

/** Keys that the service changes. */
const NOT_COMPARED = new Set(["result"]);

/** Whether two items are the same. Like the service, this ignores the order of keys. */
export function isSameItem(a: object, b: object): boolean {
  return JSON.stringify(sorted(a, NOT_COMPARED)) === JSON.stringify(sorted(b, NOT_COMPARED));
}

function sorted(value: unknown, without: ReadonlySet<string> = new Set()): unknown {
  if (Array.isArray(value)) return value.map((each) => sorted(each));
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).filter(([key]) => !without.has(key));
  return entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, each]) => [key, sorted(each)]);
}

export interface Difference {
  name: string;
  mine: string;
  theirs: string;
}

interface Version extends Call {
  meta?: unknown;
}

/** The differences between two versions of a plan in parameters and metadata. A missing value is empty. */
export function differences(mine: Version, theirs: Version, known: Known, names: ReadonlySet<string>): Difference[] {
  const found: Difference[] = [];
  const compare = (name: string, a = "", b = "") => {
    if (a !== b) found.push({ name, mine: a, theirs: b });
  };
  compare("plan", mine.name, theirs.name);
  const [a, b] = [textsOf(mine, known, names), textsOf(theirs, known, names)];
  for (const name of new Set([...a.keys(), ...b.keys()])) compare(name, a.get(name), b.get(name));
  return found;
}

function textsOf(item: Version, known: Known, names: ReadonlySet<string>): Map<string, string> {
  const fields = fieldsOf(known.plans[item.name ?? ""], item);
  const entries = Object.entries(entriesOf(fields, item, names));
  const meta = metaRows(item.meta).map(({ key, text }): [string, string] => [`md.${key}`, text]);
  return new Map([...entries.map(([name, entry]): [string, string] => [name, entry.text]), ...meta]);
}
