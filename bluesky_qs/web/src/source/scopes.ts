/** The scopes for the methods that change something. A test compares them with the door's OpenAPI description. */

export const SCOPES = {
  environment_close: "write:manager:control",
  environment_destroy: "write:manager:control",
  environment_open: "write:manager:control",
  environment_update: "write:queue:control",
  input_reply: "write:execute",
  lock: "write:lock",
  queue_autostart: "write:queue:control",
  queue_clear: "write:queue:edit",
  queue_item_add: "write:queue:edit",
  queue_item_add_batch: "write:queue:edit",
  queue_item_execute: "write:execute",
  queue_item_move: "write:queue:edit",
  queue_item_move_batch: "write:queue:edit",
  queue_item_remove: "write:queue:edit",
  queue_item_remove_batch: "write:queue:edit",
  queue_item_update: "write:queue:edit",
  queue_item_update_batch: "write:queue:edit",
  queue_mode_set: "write:queue:control",
  queue_start: "write:queue:control",
  queue_stop: "write:queue:control",
  queue_stop_cancel: "write:queue:control",
  queue_undo: "write:queue:edit",
  re_abort: "write:plan:control",
  re_halt: "write:plan:control",
  re_pause: "write:plan:control",
  re_resume: "write:plan:control",
  re_stop: "write:plan:control",
  unlock: "write:lock",
} as const;

export type WritingScope = (typeof SCOPES)[keyof typeof SCOPES];
