/** Names of actions, as at the prompt. */

import type { WritingMethod } from "../source/source";

/** The button texts. Each is the prompt's command for the same action. */
export const NAMES: Record<WritingMethod, string> = {
  environment_close: "Close",
  environment_destroy: "Destroy",
  environment_open: "Open",
  environment_update: "Update",
  input_reply: "Answer",
  lock: "Lock",
  queue_autostart: "Autostart",
  queue_clear: "Clear",
  queue_item_add: "Add",
  queue_item_add_batch: "Add",
  queue_item_execute: "Run",
  queue_item_move: "Move",
  queue_item_move_batch: "Move",
  queue_item_remove: "Remove",
  queue_item_remove_batch: "Remove",
  queue_item_update: "Edit",
  queue_item_update_batch: "Edit",
  queue_mode_set: "Mode",
  queue_start: "Start",
  queue_stop: "Stop after this plan",
  queue_stop_cancel: "Cancel the stop",
  queue_undo: "Undo",
  re_abort: "Abort",
  re_halt: "Halt",
  re_pause: "Pause",
  re_resume: "Resume",
  re_stop: "Finish",
  unlock: "Unlock",
};
