/** Each method's path at the door. */

import type { paths } from "./api.gen";
import type { Method, Topic, WritingMethod } from "./source";

export const ROUTES = {
  console_get: "/api/console",
  device_read: "/api/device/read",
  devices_allowed: "/api/devices/allowed",
  documents_get: "/api/documents",
  environment_report: "/api/environment/report",
  estimates_get: "/api/estimates",
  events_get: "/api/events",
  history_get: "/api/history/get",
  item_check: "/api/item/check",
  item_status: "/api/item/status",
  lock_info: "/api/lock/info",
  plans_allowed: "/api/plans/allowed",
  queue_get: "/api/queue/get",
  queue_item_get: "/api/queue/item/get",
  status: "/api/status",
} satisfies Record<Method, keyof paths>;

export const CHANGES = {
  environment_close: "/api/environment/close",
  environment_destroy: "/api/environment/destroy",
  environment_open: "/api/environment/open",
  environment_update: "/api/environment/update",
  input_reply: "/api/input/reply",
  lock: "/api/lock",
  queue_autostart: "/api/queue/autostart",
  queue_clear: "/api/queue/clear",
  queue_item_add: "/api/queue/item/add",
  queue_item_add_batch: "/api/queue/item/add/batch",
  queue_item_execute: "/api/queue/item/execute",
  queue_item_move: "/api/queue/item/move",
  queue_item_move_batch: "/api/queue/item/move/batch",
  queue_item_remove: "/api/queue/item/remove",
  queue_item_remove_batch: "/api/queue/item/remove/batch",
  queue_item_update: "/api/queue/item/update",
  queue_item_update_batch: "/api/queue/item/update/batch",
  queue_mode_set: "/api/queue/mode/set",
  queue_start: "/api/queue/start",
  queue_stop: "/api/queue/stop",
  queue_stop_cancel: "/api/queue/stop/cancel",
  queue_undo: "/api/queue/undo",
  re_abort: "/api/re/abort",
  re_halt: "/api/re/halt",
  re_pause: "/api/re/pause",
  re_resume: "/api/re/resume",
  re_stop: "/api/re/stop",
  unlock: "/api/unlock",
} satisfies Record<WritingMethod, keyof paths>;

/** Paths that the door handles itself, without the service. */
export const PARSERS = {
  plan: "/api/plan/parse",
  spreadsheet: "/api/plan/parse/spreadsheet",
} satisfies Record<string, keyof paths>;

export const STREAMS: Record<Topic, string> = {
  console: "console_output/ws",
  documents: "documents/ws",
  status: "status/ws",
};

/** The stream of readings from named devices. */
export const READINGS = "readings/ws";
