/** Results of history items, in the prompt's words. */

import type { HistoryItem, Result, Status } from "../source/source";
import { lengthOfTime, plural } from "./times";

const ENDINGS = ["completed", "stopped", "failed", "aborted", "halted"];

/** Whether an item did not complete: it failed, was aborted or was halted. */
export function hasFailed(item: Pick<HistoryItem, "result">): boolean {
  return !["completed", "stopped"].includes(item.result?.exit_status);
}

/** Whether the last plan failed and nothing has run since. */
export function lastPlanFailed(status: Status, last: HistoryItem | undefined): boolean {
  return status.running_item_uid === null && last?.result?.exit_status === "failed";
}

/** Why a plan failed, in one line. */
export function reason(result: Result): string {
  const lines = (result.msg ?? "").split("\n").map((line) => line.trim());
  const message = lines.filter(Boolean);
  if (message.length === 0) return (result.traceback ?? "").trim().split("\n").at(-1) ?? "";
  return message.slice(0, message[0]?.endsWith(":") ? 2 : 1).join(" ");
}

const ALL_ENDINGS: Record<string, string> = { failed: "failed", aborted: "was aborted", halted: "was halted" };

/** `The queue has stopped, because grace aborted the last plan.` Empty if the last plan is not the reason. */
export function queueStopped(status: Status, last: HistoryItem | undefined, me: string): string {
  if (!last || !hasFailed(last) || !hasStopped(status)) return "";
  const ending = ALL_ENDINGS[last.result.exit_status] ?? "did not complete";
  const who = ending.startsWith("was ") ? last.result.ended_by : "";
  const by = who === me ? "you" : shownUser(who ?? "");
  const why = who ? `${by} ${ending.replace("was ", "")} the last plan` : `the last plan ${ending}`;
  return `The queue has stopped, because ${why}.`;
}

/** Why the queue has stopped, as the service explains it; empty if it gives no reason. */
export function stoppedByItself(status: Status): string {
  const why = status.queue_stopped_reason;
  return why && hasStopped(status) ? `The queue has stopped: ${why}.` : "";
}

function hasStopped(status: Status): boolean {
  return status.items_in_queue > 0 && status.manager_state === "idle" && !status.stopping;
}

/** `7`, `3, 5`, `12-20`: consecutive scan ids as ranges. */
export function ranges(numbers: readonly (number | null)[]): string {
  const groups: number[][] = [];
  for (const number of numbers) {
    if (number === null) continue;
    const last = groups.at(-1);
    if (last && number === (last.at(-1) ?? 0) + 1) last.push(number);
    else groups.push([number]);
  }
  return groups.map((group) => (group.length <= 2 ? group.join(", ") : `${group[0]}-${group.at(-1)}`)).join(", ");
}

/** `32 min 10 s`; empty if a time is missing. */
export function took(result: Result): string {
  return result.time_start && result.time_stop ? lengthOfTime(result.time_stop - result.time_start) : "";
}

/** `19 plans: 15 completed, 2 failed`. */
export function countSentence(items: readonly HistoryItem[]): string {
  const counts = new Map<string, number>();
  for (const { result } of items) counts.set(result.exit_status, (counts.get(result.exit_status) ?? 0) + 1);
  const order = [...ENDINGS, ...[...counts.keys()].filter((each) => !ENDINGS.includes(each))];
  const listed = order.filter((each) => counts.has(each)).map((each) => `${counts.get(each)} ${each}`);
  return items.length === 0 ? "Nothing has run yet" : `${plural(items.length, "plan")}: ${listed.join(", ")}`;
}

const SHARED = "UNAUTHENTICATED_SINGLE_USER";

/** A user's name for display: with a shared key, the name that the client gave; otherwise the display name, if there is
 * one. */
export function shownUser(user: string | undefined): string {
  if (!user) return "";
  if (user === SHARED) return "the shared key";
  if (user.startsWith(`${SHARED} (`)) return user.slice(SHARED.length + 2).replace(/\)$/, "");
  return /^\S+ "([^"<]+?)\s*(?:<[^>]*>)?"$/.exec(user)?.[1] ?? user;
}

/** A text from the service in which users of a shared key have readable names: `paused at 12:03 by ada`. */
export function withShownUsers(text: string): string {
  return text.replace(/\bUNAUTHENTICATED_SINGLE_USER(?: \([^()]*\))?/g, shownUser);
}
