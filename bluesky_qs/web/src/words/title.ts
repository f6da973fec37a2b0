/** The browser tab's title: the state in one word, visible from other tabs. */

import type { HistoryItem, Link, Status } from "../source/source";
import { lastPlanFailed } from "./results";
import { planProgress, stateMark } from "./status";

/** The title without the page's name. `last` is the item that ended last, if known. */
export function titleOf(link: Link["state"], status: Status, now: number, last: HistoryItem | undefined): string {
  if (link === "lost" || link === "silent") return "⚠ not connected · ";
  const question = status.input_pending ? "? question · " : "";
  const done = planProgress(status, now)?.done;
  const part = typeof done === "number" ? ` ${Math.round(done * 100)} %` : "";
  const mark = stateMark(status);
  if (mark === "failed") return "✕ panicked · ";
  if (mark === "paused") return `${question}paused${part} · `;
  if (mark === "running") return `${question}running${part} · `;
  return `${question}${lastPlanFailed(status, last) ? "✕ failed · " : ""}`;
}
