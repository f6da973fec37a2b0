/** Computes the bars, gaps, pauses and ticks of the timeline. */

import type { HistoryItem, ServiceEvent } from "../source/source";
import type { Zone } from "./times";

export interface Period {
  from: number;
  to: number;
}
export interface Bar extends Period {
  item: HistoryItem;
}

/** Length in seconds of the period that is shown first: one shift. */
const SHIFT = 8 * 3600;
/** Length in seconds of the shortest period that can be zoomed to. */
const SHORTEST = 0.2;
/** Length in seconds below which gaps are not shown. */
const GAP = 60;
/** Possible intervals in seconds between ticks. */
const STEPS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
const MOST_TICKS = 5;

/** Bars for the plans that have times, oldest first. */
export function barsOf(items: readonly HistoryItem[]): Bar[] {
  return items
    .filter(({ result }) => result.time_start && result.time_stop)
    .map((item) => ({ item, from: item.result.time_start, to: item.result.time_stop }))
    .sort((a, b) => a.from - b.from);
}

/** The period from the first bar to the last, with a small margin; null if there are no bars. */
export function whole(bars: readonly Period[]): Period | null {
  const [first] = bars;
  if (!first) return null;
  const to = Math.max(...bars.map((bar) => bar.to));
  const margin = Math.max((to - first.from) * 0.02, SHORTEST / 2);
  return { from: first.from - margin, to: to + margin };
}

/** The last shift of a period. */
export function lastShift(all: Period): Period {
  return { from: Math.max(all.from, all.to - SHIFT), to: all.to };
}

/** The gaps between bars. The bars must be sorted by time. */
export function gapsOf(bars: readonly Period[]): Period[] {
  const gaps: Period[] = [];
  let end = bars[0]?.to ?? 0;
  for (const bar of bars) {
    if (bar.from - end >= GAP) gaps.push({ from: end, to: bar.from });
    end = Math.max(end, bar.to);
  }
  return gaps;
}

/** The periods of pauses. Early pauses are missing if their events are no longer kept. */
export function pausesOf(events: readonly ServiceEvent[]): Period[] {
  const pauses: Period[] = [];
  let began: number | null = null;
  for (const event of events) {
    if (event.type !== "environment_changed") continue;
    if (event.manager_state === "paused") began ??= event.time;
    else if (began !== null) {
      pauses.push({ from: began, to: event.time });
      began = null;
    }
  }
  return pauses;
}

/** Zoom by a factor around a moment; the result lies within `all`. */
export function zoomed(shown: Period, factor: number, around: number, all: Period): Period {
  const length = Math.min(Math.max((shown.to - shown.from) * factor, SHORTEST), all.to - all.from);
  const part = (around - shown.from) / (shown.to - shown.from);
  return inside({ from: around - length * part, to: around + length * (1 - part) }, all);
}

/** Move a period by a fraction of its length; a negative fraction moves it back. */
export function moved(shown: Period, part: number, all: Period): Period {
  const by = (shown.to - shown.from) * part;
  return inside({ from: shown.from + by, to: shown.to + by }, all);
}

/** The period, moved as little as possible to lie within `all`. */
function inside({ from, to }: Period, all: Period): Period {
  const length = Math.min(to - from, all.to - all.from);
  const start = Math.min(Math.max(from, all.from), all.to - length);
  return { from: start, to: start + length };
}

/** Round times in a period, in the beamline's time zone; at most six of them. */
export function ticksOf({ from, to }: Period, zone: Zone): { times: number[]; step: number } {
  const step =
    STEPS.find((each) => (to - from) / each <= MOST_TICKS) ?? 86400 * Math.ceil((to - from) / 86400 / MOST_TICKS);
  const times: number[] = [];
  for (let time = zone.before(from, step) + step; time < to; time += step) times.push(time);
  return { times, step };
}
