/** Describes a user's action, based on its event, for example “moved 2 items”. */

import type { Schemas, ServiceEvent } from "../source/source";
import { plural } from "./times";

type QueueChanged = Extract<ServiceEvent, { type: "queue_changed" }>;
type Mode = Schemas["QueueMode"];
type EnvironmentChanged = Extract<ServiceEvent, { type: "environment_changed" }>;

const CHANGES = {
  clear: "cleared the queue",
  removal: "removed",
  move: "moved",
  edit: "edited",
  undo: "undid a change to",
};
const STATES: Partial<Record<EnvironmentChanged["manager_state"], string>> = {
  creating_environment: "opened the environment",
  closing_environment: "closed the environment",
  destroying_environment: "destroyed the environment",
  starting_queue: "started the queue",
  executing_queue: "resumed the plan",
  paused: "paused the plan",
  executing_task: "started a script or function",
};
const ENDINGS: Record<string, string> = {
  stopped: "finished the plan",
  aborted: "aborted the plan",
  halted: "halted the plan",
};

/** The description of an action, without the user's name; empty if the event is not a user's action.
 *
 * `modeBefore` is the queue mode before the event, if known.
 */
export function actionText(event: ServiceEvent, modeBefore: Mode | null = null): string {
  switch (event.type) {
    case "queue_changed":
      return ofQueue(event);
    case "environment_changed":
      return STATES[event.manager_state] ?? "";
    case "item_ended":
      return ENDINGS[event.exit_status] ?? "";
    case "mode_changed":
      return ofMode(event.mode, modeBefore);
    case "autostart_changed":
      return `switched autostart ${onOff(event.enabled)}`;
    case "queue_stop_pending_changed":
      return event.enabled ? "requested a queue stop after the plan" : "canceled the queue stop";
    case "lock_changed":
      return ofLock(event);
    case "history_cleared":
      return "cleared the history";
    case "permissions_changed":
      return "changed the permissions";
    case "input_changed":
      return event.input_pending ? "" : "answered the question";
    default:
      return "";
  }
}

function ofQueue(event: QueueChanged): string {
  const put = (event.put?.length ?? 0) + (event.put_count ?? 0);
  const dropped = (event.dropped?.length ?? 0) + (event.dropped_count ?? 0);
  if (event.cleared) return CHANGES.clear;
  const verb = event.change ? CHANGES[event.change] : "added";
  return put || dropped ? `${verb} ${plural(put || dropped, "item")}` : "";
}

function ofLock({ environment, queue }: { environment: boolean; queue: boolean }): string {
  const parts = [environment && "the environment", queue && "the queue"].filter(Boolean);
  return parts.length > 0 ? `locked ${parts.join(" and ")}` : "unlocked";
}

function ofMode(mode: Mode, before: Mode | null): string {
  const parts = [
    mode.loop !== before?.loop && `loop mode ${onOff(mode.loop)}`,
    mode.ignore_failures !== before?.ignore_failures && `ignoring failures ${onOff(mode.ignore_failures)}`,
  ].filter(Boolean);
  return parts.length > 0 ? `switched ${parts.join(" and ")}` : "";
}

function onOff(is: boolean): string {
  return is ? "on" : "off";
}
