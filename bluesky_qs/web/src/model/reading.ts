/** Reads a plan from text or a form, and has the service check it before it is added. */

import type { Schemas, Source } from "../source/source";
import type { Known } from "../words/completion";
import { type Finding, findingText, objection, withoutLead } from "../words/findings";
import type { Call } from "../words/plan";

/** A call, with the metadata from `RE(plan, key=value)`. */
export type MetaCall = Call & { meta?: Record<string, unknown> };

/** An error or a warning, with its place in the text; `length` is 0 if the place is unknown. */
export interface Fault {
  text: string;
  column: number;
  length: number;
  /** The path to the value, as in the service's reply. */
  path: readonly (string | number)[];
}

/** The reading of a plan that is being typed, with errors and warnings. */
export interface Reading {
  /** The text that was read. */
  text: string;
  /** The plan; null if the text is not a plan. */
  call: MetaCall | null;
  errors: readonly Fault[];
  /** Problems that do not prevent the plan from being added, although it will probably fail. */
  warnings: readonly Fault[];
  /** Whether the service has checked the plan. */
  isChecked: boolean;
}

export const NOTHING: Reading = { text: "", call: null, errors: [], warnings: [], isChecked: false };

/** Maximum length of a request to check a plan. It is a GET request, and the length of a URL is limited. */
const LONGEST = 12_000;

/** Read text as a plan. As at the prompt, names without quotes must be devices or plans. */
export async function readText(source: Source, text: string, known: Known): Promise<Reading> {
  if (!text.trim()) return { ...NOTHING, text };
  const parsed = await source.parse(text);
  const errors = parsed.errors.map(({ msg, column, length }) =>
    fault(text, withHint(msg, text, column), column, length),
  );
  const unknown = (parsed.names ?? []).map(({ name, column, length }) => {
    const reason = objection(name, known);
    return reason ? fault(text, reason, column, length) : null;
  });
  return {
    text,
    call: parsed.item as MetaCall | null,
    errors: [...errors, ...unknown.filter((each) => each !== null)],
    warnings: [],
    isChecked: false,
  };
}

/** Have the service check the plan, and return the reading with errors and warnings at their places in the text. */
export async function check(source: Source, reading: Reading, item: object): Promise<Reading> {
  const sent = JSON.stringify(item);
  if (reading.errors.length > 0 || encodeURIComponent(sent).length > LONGEST) return reading;
  // If there is no answer, the page shows that. The plan can still be added; the service will then check it again.
  const reply = await source.ask("item_check", { item: sent }).catch(() => null);
  const result = reply?.results[0];
  if (!result) return reading;
  const errors = await faultsOf(source, reading.text, result.errors, result.success ? "" : result.msg);
  const warnings = await faultsOf(source, reading.text, result.warnings ?? []);
  return { ...reading, errors, warnings, isChecked: true };
}

/** The service's errors or warnings, with their places in the text. If there are none, the message counts as one.
 * */
export async function faultsOf(
  source: Source,
  text: string,
  findings: readonly Finding[],
  message = "",
): Promise<Fault[]> {
  if (findings.length === 0) return message ? [{ text: withoutLead(message), column: 0, length: 0, path: [] }] : [];
  const paths = findings.map((finding) => finding.path);
  const places = text ? await placesOf(source, text, paths) : [];
  return findings.map((finding, at) => {
    const place = places[at];
    return { ...fault(text, findingText(finding), place?.column ?? 0, place?.length ?? 0), path: finding.path };
  });
}

async function placesOf(
  source: Source,
  text: string,
  paths: (string | number)[][],
): Promise<readonly Schemas["Place"][]> {
  const parsed = await source.parse(text, paths).catch(() => null); // without a reply, the places are unknown
  return parsed?.places ?? [];
}

/** Convert a column: Python counts code points, and JavaScript counts UTF-16 units. */
function fault(text: string, reason: string, column: number, length: number): Fault {
  const characters = [...text];
  const before = characters.slice(0, column).join("").length;
  return {
    text: reason,
    column: before,
    length: characters.slice(column, column + length).join("").length || length,
    path: [],
  };
}

/** Add a hint about options. At the prompt they follow the plan, but the page has separate fields for them. */
function withHint(message: string, text: string, column: number): string {
  if (![...text].slice(column).join("").startsWith("--")) return message;
  return "Options belong to the prompt. Here, metadata and the place have their own fields below";
}
