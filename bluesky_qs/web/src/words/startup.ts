/** Describes the last time the environment was opened, with files and lines. */

import type { Schemas } from "../source/source";
import { fullSentence } from "./refusals";
import { lengthOfTime, plural } from "./times";

export type Report = Schemas["OpeningReport"];

/** `startup.py, line 12`; empty if the file is unknown. */
export function place(file: string | null | undefined, line: number | null | undefined): string {
  if (!file) return "";
  return line ? `${file}, line ${line}` : file;
}

/** Why the environment did not open; empty if it opened or was never opened. */
export function failure(report: Report): string {
  if (report.success !== false) return "";
  return fullSentence(`The environment could not be opened: ${report.message || "no reason given"}`);
}

/** `35 plans, 43 devices, opened in 1.3 s`. */
export function contents(report: Report): string {
  const took = report.seconds === undefined ? "" : `, opened in ${lengthOfTime(report.seconds)}`;
  return `${plural(report.plans ?? 0, "plan")}, ${plural(report.devices ?? 0, "device")}${took}`;
}

export interface Remark {
  place: string;
  text: string;
}

/** The problems in an environment that has opened. */
export function remarks(report: Report): Remark[] {
  const problems = (report.problems ?? []).map(({ message, file, line }) => ({
    place: place(file, line),
    text: message,
  }));
  const leftOut = (report.left_out ?? []).map(({ name, file, line, reason }) => ({
    place: place(file, line),
    text: `${name} is left out: ${reason}`,
  }));
  const redefined = (report.overwritten ?? []).map(({ name, file, by }) => ({
    place: by,
    text: `${name} is redefined; it was previously defined in ${file}`,
  }));
  return [...problems, ...leftOut, ...redefined];
}
