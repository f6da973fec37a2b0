/** The state in words: the sentences of the prompt (`ipython_extension/shown/status_text.py`), without its commands.
 *
 * A test compares them with the sentences in `prompt.json`, which the code of the prompt has made.
 */

import type { Status } from "../source/source";
import { doneAt } from "./estimates";
import { lengthOfTime, plural, type Zone } from "./times";

/** The kind of a state, which determines its color. */
export type Mark = "" | "running" | "paused" | "failed";

/** The clock for the times in a sentence. */
export interface Clock {
  now: number;
  zone: Zone;
}

/** Maximum of seconds to go (ten years). More is a mistake in the metadata. */
const TOO_LONG = 3e8;
const OWN_WAITS = ["motor", "trigger", "sleep", "user_code"];
/** Seconds after which a wait of the plan itself is shown. */
const LASTS = 1;

const STATES: Record<string, string> = {
  initializing: "The service is starting",
  creating_environment: "Opening the environment",
  closing_environment: "Closing the environment",
  destroying_environment: "Destroying the environment",
  starting_queue: "Starting the queue",
  executing_queue: "Running",
  paused: "Paused in",
  executing_task: "Running a script or function",
};

/** The sentence about the state: its colored beginning (`lead`), and the rest. */
export function stateSentence(status: Status, plan: string, clock: Clock): { lead: string; rest: string } {
  const tail = [...waitingItems(status), ...endOfQueue(status, clock), ...flags(status)]
    .map((part) => `; ${part}`)
    .join("");
  if (status.manager_state === "initializing" && status.running_item_uid) {
    // The progress in the store is older than the restart.
    return { lead: "The service is restarting", rest: `; before that, ${plan || "a plan"} was running${tail}.` };
  }
  const progress = progressText(status, clock);
  const withPlan = plan !== "" && status.running_item_uid !== null;
  const lead = withPlan ? stateLead(status) : stateLead(status).replace(/ in$/, "");
  return { lead, rest: `${withPlan ? ` ${plan}` : ""}${progress ? `, ${progress}` : ""}${tail}.` };
}

/** `4 of 10 points, about 9 s to go (until 14:03:22)`; empty if nothing is known. */
export function progressText(status: Status, clock: Clock): string {
  const progress = planProgress(status, clock.now);
  if (progress === null) return "";
  const { events, total } = progress;
  const parts = total ? [`${events} of ${plural(total, "point")}`] : events ? [plural(events, "point")] : [];
  if (status.manager_state !== "paused" && !isSuspended(status)) {
    if (progress.left !== null) {
      const end = clock.zone.moment(clock.now + progress.left, clock.now);
      parts.push(`about ${lengthOfTime(progress.left)} to go (until ${end})`);
    } else if (progress.elapsed !== null) {
      parts.push(`for ${lengthOfTime(progress.elapsed)}`);
    }
  }
  return parts.join(", ");
}

export interface PlanProgress {
  events: number;
  total: number | null;
  elapsed: number | null;
  /** Seconds to go; null if unknown. */
  left: number | null;
  /** The fraction that is done; null if unknown. */
  done: number | null;
}

export function planProgress(status: Status, now: number): PlanProgress | null {
  const fields = status.running_item_progress;
  if (!fields) return null;
  const events = fields.events || 0;
  const total = fields.num_points;
  const elapsed = fields.time_start ? Math.max(now - fields.time_start, 0) : null;
  const isMeasuring = Boolean(total) && events < (total ?? 0);
  const done = isMeasuring && total ? events / total : null;
  return { events, total, elapsed, done, left: secondsLeft(status, events, total, elapsed, now) };
}

function secondsLeft(status: Status, events: number, total: number | null, elapsed: number | null, now: number) {
  // One point is not enough: its time may include preparation, and the delay after it is still to come.
  if (elapsed === null || !total || events <= 1 || events >= total) return null;
  const fields = status.running_item_progress;
  const since = fields?.paused_since || (isSuspended(status) ? status.waiting_for?.since : null);
  const standing = since ? Math.max(now - since, 0) : 0;
  const left = (Math.max(elapsed - (fields?.time_paused || 0) - standing, 0) * (total - events)) / events;
  return left < TOO_LONG ? left : null;
}

export function isSuspended(status: Status): boolean {
  return status.waiting_for?.kind === "suspender";
}

/** A sentence about the reason why the plan waits; empty if it does not wait, or if the state shows it. */
export function waitingSentence(status: Status, now: number): string {
  const waiting = status.waiting_for;
  if (!waiting || waiting.kind === "input" || (waiting.kind === "pause" && status.pause_pending)) return "";
  if (OWN_WAITS.includes(waiting.kind) && now - waiting.since < LASTS) return "";
  const text = waiting.text ?? "";
  return text && `${text[0]?.toUpperCase()}${text.slice(1)}.`;
}

export function stateMark(status: Status): Mark {
  if (status.re_state === "panicked") return "failed";
  if (isSuspended(status) || status.manager_state === "paused") return "paused";
  return status.manager_state === "executing_queue" ? "running" : "";
}

function stateLead(status: Status): string {
  const state = status.manager_state;
  if (isSuspended(status)) return "Suspended in";
  if (state !== "idle") return STATES[state] ?? `State '${state}'`;
  if (status.stopping) return "The service is stopping";
  if (status.re_state === "panicked") return "The RunEngine has panicked: reopen the environment";
  return status.worker_environment_exists ? "Idle, the environment is open" : "Idle, the environment is closed";
}

function waitingItems(status: Status): string[] {
  const queued = status.items_in_queue;
  if (status.running_item_uid) return [queued ? `${queued} more in the queue` : "nothing more in the queue"];
  return [queued ? `${plural(queued, "item")} in the queue` : "the queue is empty"];
}

/** When the queue ends, if more than the running plan is left. */
function endOfQueue(status: Status, clock: Clock): string[] {
  if (!status.queue_end || !status.items_in_queue || !status.running_item_uid) return [];
  return [`queue ${doneAt(status.queue_end, status.queue_at_least, clock)}`];
}

function flags(status: Status): string[] {
  const { lock, plan_queue_mode: mode } = status;
  const locked = (["environment", "queue"] as const).filter((name) => lock?.[name]);
  const background = status.worker_background_tasks || 0;
  const question = status.input_pending;
  const asked = question?.prompt.trim();
  const all: [string, unknown][] = [
    [`user code is waiting for input${asked ? `: '${asked}'` : ""}`, question],
    ["a console is running code in the environment", status.worker_environment_state === "reserved"],
    ["the service is stopping", status.stopping && status.manager_state !== "idle"],
    ["pausing at the next checkpoint", status.pause_pending],
    ["the queue stops after this plan", status.queue_stop_pending],
    ["loop mode", mode?.loop],
    ["failures are ignored", mode?.ignore_failures],
    ["autostart is on", status.queue_autostart_enabled],
    [`${plural(background, "task")} in the background`, background],
    [`${locked.join(" and ")} locked`, locked.length > 0],
  ];
  return all.filter(([, holds]) => holds).map(([words]) => words);
}
