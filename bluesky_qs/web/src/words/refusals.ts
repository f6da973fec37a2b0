/** Sentences about refusals: the reason, and what to do. They are the same as at the prompt
 * (`ipython_extension/session/refusals.py`), but they name the page's buttons instead of commands. */

import type { Refused, Schemas, WritingMethod } from "../source/source";
import { NAMES } from "./actions";
import { shownUser } from "./results";
import type { Clock } from "./status";

const RUNNING = "A plan is running. Wait until it ends, or stop the queue after this plan.";
/** Refusals of requests that need an idle service, by state. */
const BUSY: Record<string, string> = {
  initializing: "The service is starting. Try again in a moment.",
  creating_environment: "The environment is opening. Wait until it is open.",
  closing_environment: "The environment is closing. Wait until it is closed.",
  destroying_environment: "The environment is being destroyed. Wait until it is closed.",
  starting_queue: RUNNING,
  executing_queue: RUNNING,
  paused: "A plan is paused. Resume it or end it first (Resume, Finish, Abort).",
  executing_task: "A script or function is running in the worker. Wait until it ends.",
};
const STARTED: Record<string, string> = {
  starting_queue: "The queue is already running.",
  executing_queue: "The queue is already running.",
  paused: "A plan is paused. To continue it: Resume.",
};
const NOT_RUNNING: Record<string, string> = {
  idle: "Nothing is running.",
  paused: "The plan is paused. Resume it or end it (Resume, Finish, Abort).",
};
const ALWAYS: [string, string][] = [
  ["RE Worker environment already exists", "The environment is already open."],
  ["RE Worker environment does not exist", "The environment is not open. Open it first."],
  ["RE Worker environment is not open", "The environment is not open. Open it first."],
  ["RE environment does not exist", "The environment is not open."],
];
const STATE = /(?:current state:|in the state) '(?!paused', current)(\w+)'/;
const LEAD = /^.*Plan validation failed: /s;

type LockInfo = Schemas["LockInfo"];

/** Whether a lock is the reason for a refusal. Some replies have no code. */
export function isLocked(refused: Refused): boolean {
  return refused.code === "Locked" || refused.message.includes("Invalid lock key");
}

interface Details {
  /** The lock, if it is the reason. */
  info?: LockInfo | undefined;
  /** Describes the refusal better than the service does, if neither a lock nor the state is the reason. */
  words?: ((refused: Refused) => string) | undefined;
}

/** A sentence about a refusal: the reason, and what to do. */
export function refusalSentence(method: WritingMethod, refused: Refused, clock: Clock, details: Details = {}): string {
  const { info: lock, words } = details;
  const line = refused.message.split(/\s+/).join(" ").trim();
  const locked = lock && isLocked(refused) ? lockSentence(lock, clock) : "";
  if (locked) return `${locked} ${keyAdvice(method, lock as LockInfo)}`;
  return (
    ofState(line, method) ?? words?.(refused) ?? fullSentence(`${NAMES[method]}: not done. ${line.replace(LEAD, "")}`)
  );
}

/** `Locked (environment and queue) by ada since 14:03:22: aligning.`; empty if nothing is locked. */
export function lockSentence(info: LockInfo, clock: Clock): string {
  const names = (["environment", "queue"] as const).filter((name) => info[name]);
  if (names.length === 0) return "";
  const note = info.note ? `: ${info.note}` : "";
  const since = info.time === null ? info.time_str : clock.zone.moment(info.time, clock.now);
  return fullSentence(`Locked (${names.join(" and ")}) by ${shownUser(info.user ?? "")} since ${since}${note}`);
}

/** A sentence about a request without an answer, whose outcome is unknown. */
export function unansweredSentence(method: WritingMethod, isRepeatable: boolean): string {
  const advice = isRepeatable
    ? "“Try again” is safe: the service does nothing twice."
    : "Before you try again, wait for the connection and look at the page.";
  return `${NAMES[method]}: no answer, so it may or may not have been done. ${advice}`;
}

/** The text with a period, unless it already ends with punctuation. */
export function fullSentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

function keyAdvice(method: WritingMethod, lock: LockInfo): string {
  if (method === "unlock") return "The key is wrong.";
  if (method === "lock") return "It is locked with another key.";
  return `Ask ${shownUser(lock.user ?? "")} to unlock. If you have the key, use “Unlock” or “Use the key”.`;
}

function ofState(line: string, method: WritingMethod): string | null {
  const always = ALWAYS.find(([text]) => line.includes(text));
  if (always) return always[1];
  const state = STATE.exec(line)?.[1];
  if (state === undefined) return null;
  if (line.includes("must be in idle state")) {
    return (method === "queue_start" ? STARTED[state] : undefined) ?? BUSY[state] ?? null;
  }
  if (line.includes("No plan is paused")) {
    if (state === "idle") return `Nothing is running, so there is nothing to ${NAMES[method].toLowerCase()}.`;
    return state === "executing_queue" ? "The plan is running. Pause it first." : (BUSY[state] ?? null);
  }
  return line.includes("Queue is not running") ? (NOT_RUNNING[state] ?? BUSY[state] ?? null) : null;
}
