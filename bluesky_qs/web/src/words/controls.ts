/** The buttons for plans, the queue and the environment: when they are available, what they do, and which question they
 * ask first. */

import { SCOPES, type WritingScope } from "../source/scopes";
import type { Change, Status, WritingMethod } from "../source/source";
import { NAMES } from "./actions";

/** The buttons' methods. They have no parameters or one option. */
export type ButtonMethod = Extract<
  WritingMethod,
  | "environment_close"
  | "environment_destroy"
  | "environment_open"
  | "environment_update"
  | "queue_start"
  | "queue_stop"
  | "queue_stop_cancel"
  | "re_abort"
  | "re_halt"
  | "re_pause"
  | "re_resume"
  | "re_stop"
>;

export interface Control {
  method: ButtonMethod;
  params: Change<"re_pause">;
  label: string;
  /** The effect of the button. */
  text: string;
  /** The style: the most likely next action, or a dangerous one. */
  weight: "primary" | "plain" | "danger";
  /** The question before the action; empty if none is asked. */
  question: string;
  /** Whether the button is always visible. The others are in a menu. */
  isFirst: boolean;
}

type Draft = Partial<Omit<Control, "method" | "text">> & { text: string };

const STOPS = "The queue stops.";
const BACK = "the plan goes back to the front of the queue";
const PAUSES_FIRST = "A running plan is paused first, at once.";

const OPEN: Draft = {
  text: "Open the environment: run the startup code in a worker process. Then plans can run.",
  weight: "primary",
  isFirst: true,
};
const CLOSE: Draft = {
  text: "Close the environment: end the worker process. Its variables and connections are lost.",
  question: "Close the environment?",
  weight: "danger",
  isFirst: true,
};
const DESTROY: Draft = {
  text: "Kill the worker process, even in the middle of a plan, without cleanup. Use this if the environment does not respond.",
  question: "Destroy the environment?",
  weight: "danger",
};
const UPDATE: Draft = {
  text: "Update the lists of plans and devices from the worker.",
};
const START: Draft = {
  text: "Start the queue: run its plans, one after the other.",
  weight: "primary",
  isFirst: true,
};
const STOP: Draft = {
  text: "The running plan finishes, then the queue stops.",
  isFirst: true,
};
const STOP_CANCEL: Draft = {
  text: "The queue keeps running after this plan.",
  isFirst: true,
};
const PAUSE: Draft = {
  params: { option: "deferred" },
  text: "Pause the plan at its next checkpoint, usually before the next point.",
  weight: "primary",
  isFirst: true,
};
const PAUSE_NOW: Draft = {
  label: "Pause now",
  params: { option: "immediate" },
  text: "Pause the plan at once. After “Resume”, the plan repeats everything since its last checkpoint.",
};
const RESUME: Draft = {
  text: "Resume the paused plan.",
  weight: "primary",
  isFirst: true,
};
const FINISH: Draft = {
  text: `End the plan in an orderly way, with its cleanup; its result is “stopped”. ${STOPS}`,
  isFirst: true,
};
const ABORT: Draft = {
  text: `End the plan, with its cleanup; its result is “aborted”, and ${BACK}. ${STOPS}`,
  question: "Abort the plan?",
  weight: "danger",
  isFirst: true,
};
const HALT: Draft = {
  text: `End the plan at once, without cleanup: motors and detectors stay as they are. Its result is “halted”, and ${BACK}. ${STOPS}`,
  question: "Halt the plan?",
  weight: "danger",
};

/** The buttons that are available now, in order. */
export function possibleControls(status: Status, may: (scope: WritingScope) => boolean): Control[] {
  return possible(status)
    .map(([method, draft]) => control(method, draft))
    .filter(({ method }) => may(SCOPES[method]));
}

/** Methods that end a plan. A running plan is paused first. */
export const ENDS: readonly ButtonMethod[] = ["re_stop", "re_abort", "re_halt"];

function possible(status: Status): [ButtonMethod, Draft][] {
  if (status.stopping) return [];
  switch (status.manager_state) {
    case "idle":
      return status.worker_environment_exists ? whileIdle(status) : [["environment_open", OPEN]];
    case "starting_queue":
    case "executing_queue":
      return whileRunning(status);
    case "paused":
      return whilePaused();
    case "creating_environment":
    case "closing_environment":
    case "executing_task":
      return [["environment_destroy", DESTROY]];
    default:
      return [];
  }
}

function whileIdle(status: Status): [ButtonMethod, Draft][] {
  const isPanicked = status.re_state === "panicked";
  // Plans cannot run without a RunEngine, or while code from a console is running.
  const canStart = status.re_state === "idle" && status.worker_environment_state === "idle";
  const found: [ButtonMethod, Draft][] = [];
  if (canStart && status.items_in_queue > 0) found.push(["queue_start", START]);
  if (status.worker_environment_state === "idle") found.push(["environment_update", UPDATE]);
  found.push(["environment_close", isPanicked ? { ...CLOSE, weight: "primary" } : CLOSE]);
  found.push(["environment_destroy", DESTROY]);
  return found;
}

function whileRunning(status: Status): [ButtonMethod, Draft][] {
  const stop: [ButtonMethod, Draft] = status.queue_stop_pending
    ? ["queue_stop_cancel", STOP_CANCEL]
    : ["queue_stop", STOP];
  const pause: [ButtonMethod, Draft][] = status.pause_pending
    ? [["re_pause", { ...PAUSE_NOW, isFirst: true }]]
    : [
        ["re_pause", PAUSE],
        ["re_pause", PAUSE_NOW],
      ];
  const first = ([method, draft]: [ButtonMethod, Draft]): [ButtonMethod, Draft] => [
    method,
    { ...draft, text: `${draft.text} ${PAUSES_FIRST}` },
  ];
  const ends: [ButtonMethod, Draft][] = [
    ["re_stop", { ...FINISH, isFirst: false }],
    ["re_abort", ABORT],
    ["re_halt", HALT],
  ];
  return [stop, ...pause, ...ends.map(first), ["environment_destroy", DESTROY]];
}

function whilePaused(): [ButtonMethod, Draft][] {
  return [
    ["re_resume", RESUME],
    ["re_stop", FINISH],
    ["re_abort", ABORT],
    ["re_halt", HALT],
    ["environment_destroy", DESTROY],
  ];
}

function control(method: ButtonMethod, draft: Draft): Control {
  const question = draft.question ?? "";
  const label = (draft.label ?? NAMES[method]) + (question ? "…" : "");
  return { params: {}, weight: "plain", isFirst: false, ...draft, method, question, label };
}

/** Permitted and missing rights. */
export function rights(scopes: ReadonlySet<string>): { area: string; isMine: boolean }[] {
  return [...SEEN, ...AREAS].map(([scope, area]) => ({ area, isMine: scopes.has(scope) }));
}

const SEEN: [string, string][] = [
  ["read:queue", "see the queue"],
  ["read:history", "see the history"],
  ["read:console", "see the console output"],
];
const AREAS: [WritingScope, string][] = [
  ["write:plan:control", "pause or end plans"],
  ["write:queue:control", "start or stop the queue"],
  ["write:queue:edit", "change the queue"],
  ["write:manager:control", "open or close the environment"],
  ["write:execute", "answer questions from plans"],
  ["write:lock", "lock the service"],
];

/** Why buttons are missing; empty if none are. */
export function absence({ roles, scopes }: { roles: readonly string[]; scopes: ReadonlySet<string> }): string {
  const missing = AREAS.filter(([scope]) => !scopes.has(scope)).map(([, area]) => area);
  if (missing.length === 0) return "";
  const who = `Your sign-in${roles.length > 0 ? ` (role ${roles.join(", ")})` : ""}`;
  const advice = "If you need this, ask the server's administrator.";
  if (missing.length === AREAS.length) return `${who} lets you watch, but not change anything. ${advice}`;
  const last = missing.pop() ?? "";
  return `${who} does not let you ${missing.length > 0 ? `${missing.join(", ")} or ` : ""}${last}. ${advice}`;
}
