/** Sentences about errors in plans, and about unknown names. */

import type { Schemas } from "../source/source";
import { deviceAt, type Known } from "./completion";
import { valueText } from "./plan";

export type Finding = Schemas["Finding"];

const LEAD = /^(?:Failed to [^:]*: )?Plan validation failed: /;

/** Why a value is not valid, with suggestions: `'many' is not an integer`. */
export function findingText(finding: Finding): string {
  const value = finding.parameter === null ? "" : `${shortened(valueText(finding.value))} `;
  return `${value}${finding.reason}${didYouMean(finding.suggestions)}`;
}

/** The reason, without the general beginning of the service's message. */
export function withoutLead(message: string): string {
  return message.replace(LEAD, "");
}

/** ` (did you mean 'det1' or 'det2'?)`; empty without suggestions. */
export function didYouMean(names: readonly string[]): string {
  return names.length > 0 ? ` (did you mean ${names.map((name) => valueText(name)).join(" or ")}?)` : "";
}

/** Why a name without quotes is refused, as at the prompt; empty if it is a device or a plan, or if no names are known.
 * */
export function objection(name: string, known: Known): string {
  const { plans, devices } = known;
  const areKnown = Object.keys(plans).length + Object.keys(devices).length > 0;
  if (!areKnown || Object.hasOwn(plans, name) || deviceAt(devices, name) || isBelow(name, known)) return "";
  const parent = name.slice(0, Math.max(name.lastIndexOf("."), 0));
  const parts = Object.keys(deviceAt(devices, parent)?.components ?? {}).map((part) => `${parent}.${part}`);
  const hint = didYouMean(nearest(name, parts.length > 0 ? parts : [...Object.keys(devices), ...Object.keys(plans)]));
  return `There is no device or plan ${valueText(name)}${hint}. Put plain text in quotes: ${valueText(name)}`;
}

/** Whether the name is below the listed levels of a device, so that the page cannot check the name. */
function isBelow(name: string, { devices }: Known): boolean {
  const parts = name.split(".");
  return parts.slice(1).some((_, at) => {
    const above = deviceAt(devices, parts.slice(0, at + 1).join("."));
    return above !== undefined && Object.keys(above.components ?? {}).length === 0;
  });
}

/** The two most similar names, best first; empty if none is close. */
export function nearest(name: string, names: readonly string[]): string[] {
  const word = name.toLowerCase();
  const ranked: [number, string][] = [];
  for (const each of names) {
    const other = each.toLowerCase();
    const steps = stepsBetween(word, other);
    if (word.length >= 3 && other.startsWith(word)) ranked.push([-1, each]);
    else if (steps <= Math.max(1, Math.floor(Math.max(word.length, other.length) / 3))) ranked.push([steps, each]);
  }
  return ranked
    .sort((a, b) => a[0] - b[0])
    .slice(0, 2)
    .map(([, each]) => each);
}

/** The edit distance: the number of letters to add, remove, replace or swap with the next one. */
function stepsBetween(one: string, other: string): number {
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i += 1) {
    const last = before;
    before = row;
    row = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const change = (before[j - 1] as number) + (one[i - 1] === other[j - 1] ? 0 : 1);
      let steps = Math.min((before[j] as number) + 1, (row[j - 1] as number) + 1, change);
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) {
        steps = Math.min(steps, (last[j - 2] as number) + 1);
      }
      row.push(steps);
    }
  }
  return row.at(-1) as number;
}

function shortened(text: string): string {
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}
