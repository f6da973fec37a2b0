import { expect, test } from "vitest";
import type { ServiceEvent } from "../source/source";
import { eventsOf, eventText, mayConcern } from "./item_events";

const at = (seq: number, event: object) => ({ seq, time: seq, ...event }) as ServiceEvent;
const paused = { type: "environment_changed", manager_state: "paused", worker_environment_exists: true, user: "eve" };

test("an item has the events that name it, and the pauses while it ran", () => {
  const events = [
    at(1, { type: "queue_changed", put: ["a"], user: "ada" }),
    at(2, { type: "queue_changed", put: ["b"] }),
    at(3, { type: "queue_changed", put: ["a", "b"], change: "move", user: "eve" }),
    at(4, paused),
    at(5, { type: "queue_changed", dropped: ["a"] }),
    at(6, { type: "item_started", item_uid: "a" }),
    at(6.5, { ...paused, manager_state: "executing_queue" }),
    at(7, paused),
    at(8, { ...paused, manager_state: "executing_queue" }),
    at(9, { type: "item_ended", item_uid: "a", exit_status: "failed", requeued_as: "c" }),
    at(10, paused),
    at(11, { type: "item_started", item_uid: "b" }),
  ];
  const found = eventsOf(events, "a");
  const kept = events.filter((event) => mayConcern(event, "a"));
  expect(kept.length).toBeLessThan(events.length - 1);
  expect(eventsOf(kept, "a")).toEqual(found);
  expect(found.map(({ seq }) => seq)).toEqual([1, 3, 6, 7, 8, 9]);
  expect(found.map((event) => eventText(event, "a"))).toEqual([
    "Added to the queue",
    "Moved",
    "Started",
    "Paused",
    "Resumed",
    "Ended: failed, and put back into the queue",
  ]);
});

test("a removal and a dry run are told in words", () => {
  const removal = at(1, { type: "queue_changed", dropped: ["a"], change: "removal" });
  expect(eventText(eventsOf([removal], "a")[0] as ServiceEvent, "a")).toBe("Removed from the queue");
  const walked = { type: "dry_run_found", item_uid: "a", ok: false, msg: "outside of the limits" };
  expect(eventText(at(2, walked), "a")).toBe("The dry run failed: outside of the limits");
  expect(eventText(at(3, { ...walked, ok: true, msg: "" }), "a")).toBe("The dry run found no error");
  expect(eventText(at(4, { ...walked, ok: null, msg: "it took too long" }), "a")).toBe("Dry run: it took too long");
});
