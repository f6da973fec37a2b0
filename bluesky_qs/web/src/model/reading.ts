/** Reads a plan as it is typed or filled in, and asks the service what it says about it before it is added. */

import type { Schemas, Source } from "../source/source";
import type { Known } from "../words/completion";
import { type Finding, findingText, objection, withoutLead } from "../words/findings";
import type { Call } from "../words/plan";

/** A call, with the metadata that it gives to `RE`. */
export type MetaCall = Call & { meta?: Record<string, unknown> };

/** Something wrong, with its place in the text: `length` is 0 if it has none. */
export interface Fault {
  text: string;
  column: number;
  length: number;
  /** The path to the value, as the service has it. */
  path: readonly (string | number)[];
}

/** What is known of a plan that is being typed. */
export interface Reading {
  /** The text that was read. */
  text: string;
  /** The plan; null if the text is not one. */
  call: MetaCall | null;
  errors: readonly Fault[];
  /** The plan can be added, but will probably fail. */
  warnings: readonly Fault[];
  /** Whether the service has been asked. */
  isChecked: boolean;
}

export const NOTHING: Reading = { text: "", call: null, errors: [], warnings: [], isChecked: false };

/** Characters of a request to check a plan: it is a GET, whose address has a limit. */
const LONGEST = 12_000;

/** Read a text as a plan. Names without quotes must be those of devices and plans, as at the prompt. */
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

/** The reading with what the service says about its plan, each with its place in the text, if the text is known. */
export async function check(source: Source, reading: Reading, item: object): Promise<Reading> {
  const sent = JSON.stringify(item);
  if (reading.errors.length > 0 || encodeURIComponent(sent).length > LONGEST) return reading;
  // Without an answer the page says so, and a plan can be added unchecked: then the service checks it.
  const reply = await source.ask("item_check", { item: sent }).catch(() => null);
  const result = reply?.results[0];
  if (!result) return reading;
  const errors = await faultsOf(source, reading.text, result.errors, result.success ? "" : result.msg);
  const warnings = await faultsOf(source, reading.text, result.warnings ?? []);
  return { ...reading, errors, warnings, isChecked: true };
}

/** Errors and warnings of the service, with their places in the text; without any, the message. */
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
  const parsed = await source.parse(text, paths).catch(() => null); // then the reasons have no places
  return parsed?.places ?? [];
}

/** Python counts characters, and JavaScript halves of some of them. */
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

/** At the prompt, options follow a plan; on the page they have fields of their own. */
function withHint(message: string, text: string, column: number): string {
  if (![...text].slice(column).join("").startsWith("--")) return message;
  return "Options belong to the prompt. Here, metadata and the place have their own fields below";
}
