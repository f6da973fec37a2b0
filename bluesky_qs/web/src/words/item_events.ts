/** Selects and describes the events of one item. */

import type { ServiceEvent } from "../source/source";

type QueueChanged = Extract<ServiceEvent, { type: "queue_changed" }>;

/** The events about an item: those that name it, and the pauses while it ran. */
export function eventsOf(events: readonly ServiceEvent[], uid: string): ServiceEvent[] {
  let isRunning = false;
  let isPaused = false;
  return events.filter((event) => {
    if ("item_uid" in event) {
      if (event.item_uid !== uid) return false;
      if (event.type !== "dry_run_found") isRunning = event.type === "item_started";
      isPaused = false;
      return true;
    }
    if (event.type === "queue_changed") return isPut(event, uid) || isRemoval(event, uid);
    if (event.type !== "environment_changed" || !isRunning) return false;
    const wasPaused = isPaused;
    isPaused = event.manager_state === "paused";
    return isPaused !== wasPaused && event.manager_state in WHILE_RUNNING;
  });
}

/** Whether `eventsOf` needs an event. The others need not be kept. */
export function mayConcern(event: ServiceEvent, uid: string): boolean {
  if ("item_uid" in event) return event.item_uid === uid;
  if (event.type === "queue_changed") return isPut(event, uid) || isRemoval(event, uid);
  return event.type === "environment_changed";
}

const WHILE_RUNNING: Record<string, string> = { paused: "Paused", executing_queue: "Resumed" };
const CHANGES: Record<string, string> = { move: "Moved", edit: "Edited", undo: "Put back by an undo" };

/** `Moved`, `Paused`, `Ended: failed`, without the user; empty for events that are not shown. */
export function eventText(event: ServiceEvent, uid: string): string {
  switch (event.type) {
    case "queue_changed":
      if (!isPut(event, uid)) return "Removed from the queue";
      return CHANGES[event.change ?? ""] ?? "Added to the queue";
    case "item_started":
      return "Started";
    case "item_ended":
      return `Ended: ${event.exit_status}${event.requeued_as ? ", and put back into the queue" : ""}`;
    case "environment_changed":
      return WHILE_RUNNING[event.manager_state] ?? "";
    case "dry_run_found":
      if (event.ok === null) return `Dry run: ${event.msg}`;
      return event.ok ? "The dry run found no error" : `The dry run failed: ${event.msg}`;
    default:
      return "";
  }
}

function isPut(event: QueueChanged, uid: string): boolean {
  return event.put?.includes(uid) ?? false;
}

/** Whether an event says that the item was removed. An item also leaves when it starts, but that has its own event. */
function isRemoval(event: QueueChanged, uid: string): boolean {
  return Boolean(event.change) && (event.dropped?.includes(uid) ?? false);
}
