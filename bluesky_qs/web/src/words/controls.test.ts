import { expect, test } from "vitest";
import type { Schemas, ServiceEvent, Status } from "../source/source";
import { Refused } from "../source/source";
import { absence, possibleControls } from "./controls";
import { actionText } from "./event_text";
import prompt from "./prompt.json";
import { lockSentence, refusalSentence } from "./refusals";
import { failure, remarks } from "./startup";
import { Zone } from "./times";

const CLOCK = { now: 1000, zone: new Zone(0) };
const CLOSED = prompt.states[0]?.status as unknown as Status;
const OPEN = {
  ...CLOSED,
  worker_environment_exists: true,
  worker_environment_state: "idle",
  re_state: "idle",
} as Status;
const RUNNING = { ...OPEN, manager_state: "executing_queue", re_state: "running", running_item_uid: "a" } as Status;

function labels(status: Status, more: Partial<Status> = {}, may: (scope: string) => boolean = () => true) {
  return possibleControls({ ...status, ...more }, may).map(({ label, isFirst }) => (isFirst ? label : `(${label})`));
}

test.each<[string, Status, Partial<Status>, string[]]>([
  ["closed", CLOSED, {}, ["Open"]],
  ["open without plans", OPEN, {}, ["(Update)", "Close…", "(Destroy…)"]],
  ["open with plans", OPEN, { items_in_queue: 2 }, ["Start", "(Update)", "Close…", "(Destroy…)"]],
  ["no RunEngine", OPEN, { items_in_queue: 2, re_state: null }, ["(Update)", "Close…", "(Destroy…)"]],
  ["panicked", OPEN, { items_in_queue: 2, re_state: "panicked" }, ["(Update)", "Close…", "(Destroy…)"]],
  ["in a console", OPEN, { items_in_queue: 2, worker_environment_state: "reserved" }, ["Close…", "(Destroy…)"]],
  [
    "running",
    RUNNING,
    {},
    ["Stop after this plan", "Pause", "(Pause now)", "(Finish)", "Abort…", "(Halt…)", "(Destroy…)"],
  ],
  [
    "about to stop and to pause",
    RUNNING,
    { queue_stop_pending: true, pause_pending: true },
    ["Cancel the stop", "Pause now", "(Finish)", "Abort…", "(Halt…)", "(Destroy…)"],
  ],
  ["paused", RUNNING, { manager_state: "paused" }, ["Resume", "Finish", "Abort…", "(Halt…)", "(Destroy…)"]],
  ["opening", CLOSED, { manager_state: "creating_environment" }, ["(Destroy…)"]],
  ["running a script", OPEN, { manager_state: "executing_task" }, ["(Destroy…)"]],
  ["starting", CLOSED, { manager_state: "initializing" }, []],
  ["stopping", OPEN, { stopping: true }, []],
])("%s: only what is possible now", (_, status, more, expected) => {
  expect(labels(status, more)).toEqual(expected);
});

test("what the sign-in may not do is absent, with the reason", () => {
  const may = (scope: string) => scope === "write:plan:control";
  expect(labels(RUNNING, {}, may)).toEqual(["Pause", "(Pause now)", "(Finish)", "Abort…", "(Halt…)"]);
  expect(absence({ roles: ["observer"], scopes: new Set() })).toBe(
    "Your sign-in (role observer) lets you watch, but not change anything. If you need this, ask the server's administrator.",
  );
  const all = ["write:plan:control", "write:queue:control", "write:queue:edit", "write:execute"];
  expect(absence({ roles: [], scopes: new Set(all) })).toContain(
    "Your sign-in does not let you open or close the environment or lock the service.",
  );
  expect(absence({ roles: [], scopes: new Set([...all, "write:lock", "write:manager:control"]) })).toBe("");
});

test("what destroys asks first, and says what will be lost", () => {
  const asking = possibleControls(RUNNING, () => true).filter(({ question }) => question);
  expect(asking.map(({ question }) => question)).toEqual([
    "Abort the plan?",
    "Halt the plan?",
    "Destroy the environment?",
  ]);
  for (const { weight, text } of asking) expect([weight, text.length > 40]).toEqual(["danger", true]);
});

const BUSY = "RE Manager is busy. RE Manager must be in idle state, current state: ";
test.each<[Parameters<typeof refusalSentence>[0], string, string]>([
  ["queue_start", `Queue execution is in progress. ${BUSY}'executing_queue'`, "The queue is already running."],
  ["environment_close", `${BUSY}'paused'`, "A plan is paused. Resume it or end it first (Resume, Finish, Abort)."],
  ["environment_open", "RE Worker environment already exists.", "The environment is already open."],
  [
    "re_abort",
    "No plan is paused: the manager must be in the state 'paused', current state: 'idle'.",
    "Nothing is running, so there is nothing to abort.",
  ],
  ["queue_stop", "Queue is not running: the manager is in the state 'idle'.", "Nothing is running."],
  ["queue_undo", "Event 5 has been undone already", "Undo: not done. Event 5 has been undone already."],
  [
    "queue_item_add",
    "Failed to add an item: Plan validation failed: plan count has no parameter 'nmu' (did you mean 'num'?)",
    "Add: not done. plan count has no parameter 'nmu' (did you mean 'num'?).",
  ],
])("a refusal of %s: %s", (method, message, expected) => {
  expect(refusalSentence(method, new Refused(message, "WrongState"), CLOCK)).toBe(expected);
});

test("a lock has its owner, its time and its note, as at the prompt", () => {
  const clock = { now: prompt.now, zone: new Zone(0) };
  for (const { info, sentence } of prompt.locks) {
    const whole = { ...info, emergency_lock_key_is_set: false };
    expect(lockSentence(whole, clock)).toBe(sentence);
    const refused = refusalSentence("unlock", new Refused("Error: Invalid lock key", "Locked"), clock, { info: whole });
    if (sentence) expect(refused).toBe(`${sentence} The key is wrong.`);
  }
});

test.each<[object, string]>([
  [{ type: "queue_changed", put: ["a", "b"] }, "added 2 items"],
  [{ type: "queue_changed", dropped: ["a"], change: "removal" }, "removed 1 item"],
  [{ type: "queue_changed", put_count: 300, change: "move" }, "moved 300 items"],
  [{ type: "queue_changed", cleared: true, change: "clear" }, "cleared the queue"],
  [{ type: "queue_changed", put: ["a"], change: "undo" }, "undid a change to 1 item"],
  [{ type: "environment_changed", manager_state: "paused" }, "paused the plan"],
  [{ type: "environment_changed", manager_state: "idle" }, ""],
  [{ type: "item_ended", exit_status: "aborted" }, "aborted the plan"],
  [{ type: "item_ended", exit_status: "completed" }, ""],
  [{ type: "queue_stop_pending_changed", enabled: true }, "requested a queue stop after the plan"],
  [{ type: "lock_changed", environment: true, queue: true }, "locked the environment and the queue"],
  [{ type: "autostart_changed", enabled: false }, "switched autostart off"],
  [
    { type: "mode_changed", mode: { loop: true, ignore_failures: false } },
    "switched loop mode on and ignoring failures off",
  ],
])("%o: %s", (event, expected) => {
  expect(actionText(event as ServiceEvent)).toBe(expected);
});

test("the startup report names files and lines", () => {
  expect(failure({ success: false, message: "KeyError: 'x'" })).toBe(
    "The environment could not be opened: KeyError: 'x'.",
  );
  expect(failure({})).toBe("");
  const report: Schemas["OpeningReport"] = {
    success: true,
    problems: [{ message: "no RunEngine", file: null, line: null }],
    left_out: [{ name: "fly", file: "a.py", line: 3, reason: "it has no annotations" }],
    overwritten: [{ name: "det", file: "a.py", by: "b.py" }],
  };
  expect(remarks(report)).toEqual([
    { place: "", text: "no RunEngine" },
    { place: "a.py, line 3", text: "fly is left out: it has no annotations" },
    { place: "b.py", text: "det is redefined; it was previously defined in a.py" },
  ]);
});

test("of a mode, what has changed is told", () => {
  const event = { type: "mode_changed", mode: { loop: true, ignore_failures: false } } as ServiceEvent;
  expect(actionText(event, { loop: false, ignore_failures: false })).toBe("switched loop mode on");
  expect(actionText(event, { loop: true, ignore_failures: false })).toBe("");
});
