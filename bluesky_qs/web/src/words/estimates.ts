/** Times of plans and of the queue, in the prompt's words (`shown/times_text.py`). */

import type { Schemas } from "../source/source";
import type { Clock } from "./status";
import { about, lengthOfTime } from "./times";

export type ItemEstimate = Schemas["ItemEstimate"];
export type QueueEstimate = Schemas["QueueEstimate"];
type Length = Pick<ItemEstimate, "seconds" | "low" | "at_least">;

/** `0.4 s`, `12 s`, `12 min`, `2 h 05 min`. */
export function roughly(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole >= 60 && whole < 3600) return `${Math.round(seconds / 60)} min`;
  return lengthOfTime(seconds < 10 ? Math.round(seconds * 10) / 10 : seconds);
}

/** `about 12 min`; `at least 3 min` if part of the time is unknown; empty if all of it is unknown. */
export function takes({ seconds, low, at_least: isAtLeast }: Length): string {
  if (seconds !== null && !(isAtLeast && seconds < 1)) {
    return isAtLeast ? `at least ${roughly(seconds)}` : about(seconds, roughly(seconds));
  }
  return isAtLeast && (low ?? 0) >= 1 ? `at least ${roughly(low ?? 0)}` : "";
}

/** When an item starts: `14:32`, `14:32 or later`; empty if its start or duration is unknown.
 *
 * Starts are not known while the running plan is held.
 */
export function starts(estimate: ItemEstimate, { now, zone }: Clock, isHeld: boolean): string {
  if (isHeld || !estimate.start || !takes(estimate)) return "";
  return `${zone.clock(estimate.start, now)}${estimate.start_at_least ? " or later" : ""}`;
}

/** `done at about 03:10`; empty if the end is unknown. */
export function doneAt(end: number | null, isAtLeast: boolean, { now, zone }: Clock): string {
  if (end === null) return "";
  return isAtLeast ? `done at ${zone.clock(end, now)} or later` : `done at about ${zone.clock(end, now)}`;
}

/** `about 2 h 10 min, done at about 23:40`; while nothing is running, `about 2 h 10 min if started now`.
 *
 * While the running plan is paused or suspended, `about 2 h 10 min if resumed now`.
 */
export function queueTakes(
  queue: QueueEstimate,
  how: { isRunning: boolean; isLoop: boolean; isHeld: boolean },
  clock: Clock,
): string {
  const known = takes(queue);
  if (!known) return "";
  if (how.isLoop) return `one round: ${known}`;
  if (how.isHeld) return `${known} if resumed now`;
  if (!how.isRunning) return `${known} if started now`;
  const done = doneAt(queue.end, queue.at_least, clock);
  return done ? `${known}, ${done}` : known;
}

const SOURCES: Record<string, string> = {
  history: "from an earlier run with the same parameters",
  walk: "from the times of its moves and readings",
  points: "from earlier runs, by the number of points",
  similar: "from other items in the queue",
  pace: "from its progress so far",
};

/** A complete estimate: `about 12 min (10 min to 14 min), from …, starts at 14:32`; or why the time is unknown. */
export function estimateSentence(estimate: ItemEstimate, clock: Clock, isHeld: boolean): string {
  const known = takes(estimate);
  if (!known) return estimate.reason ? `Time unknown: ${estimate.reason}` : "Time unknown";
  const { low, high } = estimate;
  const isRange = !estimate.at_least && low !== null && high !== null && roughly(low) !== roughly(high);
  const range = isRange ? ` (${roughly(low)} to ${roughly(high)})` : "";
  const start = starts(estimate, clock, isHeld);
  const source = SOURCES[estimate.source];
  const parts = [`Takes ${known}${range}`, source ?? "", start ? `starts at ${start}` : "", estimate.reason];
  return parts.filter(Boolean).join(", ");
}
