/** Sentences about the state. They are the same as at the prompt (`ipython_extension/shown/status_text.py`), but without
 * commands.
 *
 * A test compares them with `prompt.json`, which the prompt's code generates.
 */

import type { Status } from "../source/source";
import { doneAt } from "./estimates";
import { withShownUsers } from "./results";
import { about, lengthOfTime, plural, type Zone } from "./times";

/** The kind of state, which determines the color. */
export type Mark = "" | "running" | "paused" | "failed";

/** The current time and the time zone, for times in sentences. */
export interface Clock {
  now: number;
  zone: Zone;
}

/** Maximum number of remaining seconds (ten years). A larger number must be an error in the metadata. */
const TOO_LONG = 3e8;
const OWN_WAITS = ["motor", "trigger", "sleep", "user_code"];
/** Seconds until the page shows that the plan itself is waiting. */
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

/** The sentence about the state, split into its colored beginning (`lead`) and the rest. */
export function stateSentence(status: Status, plan: string, clock: Clock): { lead: string; rest: string } {
  const tail = [...waitingItems(status), ...endOfQueue(status, clock), ...flags(status)]
    .map((part) => `; ${part}`)
    .join("");
  if (status.manager_state === "initializing" && status.running_item_uid) {
    // The stored progress is older than the restart.
    return { lead: "The service is restarting", rest: `; before that, ${plan || "a plan"} was running${tail}.` };
  }
  const progress = progressText(status, clock);
  const withPlan = plan !== "" && status.running_item_uid !== null;
  const lead = withPlan ? stateLead(status) : stateLead(status).replace(/ in$/, "");
  return { lead, rest: `${withPlan ? ` ${plan}` : ""}${progress ? `, ${progress}` : ""}${tail}.` };
}

/** `4 of 10 points, about 9 s to go (until 14:03:22)`; empty if unknown. */
export function progressText(status: Status, clock: Clock): string {
  const progress = planProgress(status, clock.now);
  if (progress === null) return "";
  const { events, total } = progress;
  const parts = total ? [`${events} of ${plural(total, "point")}`] : events ? [plural(events, "point")] : [];
  if (!isHeld(status)) {
    if (progress.left !== null) {
      const end = clock.zone.moment(clock.now + progress.left, clock.now);
      parts.push(`${about(progress.left)} to go (until ${end})`);
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
  /** The completed fraction; null if unknown. */
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
  // One point is not enough: its time may include preparation, and the delay after it is not over yet.
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

/** Whether the running plan is paused or suspended, so that nobody knows when it will go on. */
export function isHeld(status: Status): boolean {
  return status.manager_state === "paused" || isSuspended(status);
}

/** A sentence about why the plan is waiting; empty if it is not, or if the state already shows it. */
export function waitingSentence(status: Status, now: number): string {
  const waiting = status.waiting_for;
  if (!waiting || waiting.kind === "input" || (waiting.kind === "pause" && status.pause_pending)) return "";
  if (OWN_WAITS.includes(waiting.kind) && now - waiting.since < LASTS) return "";
  const text = withShownUsers(waiting.text ?? "");
  return text && `${text[0]?.toUpperCase()}${text.slice(1)}.`;
}

export function stateMark(status: Status): Mark {
  if (status.re_state === "panicked") return "failed";
  if (isHeld(status)) return "paused";
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

/** When the queue ends, if other items follow the running plan; empty while that plan is held. */
function endOfQueue(status: Status, clock: Clock): string[] {
  if (!status.queue_end || !status.items_in_queue || !status.running_item_uid || isHeld(status)) return [];
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
