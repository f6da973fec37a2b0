/** The keyboard commands of the queue. */

export type Command =
  | "up"
  | "down"
  | "front"
  | "back"
  | "remove"
  | "duplicate"
  | "edit"
  | "undo"
  | "all"
  | "none"
  | "toggle"
  | "open";

/** Keys that move between rows, with the distance; `Infinity` means the end. */
const STEPS: Record<string, number> = {
  ArrowDown: 1,
  ArrowUp: -1,
  PageDown: 10,
  PageUp: -10,
  Home: Number.NEGATIVE_INFINITY,
  End: Number.POSITIVE_INFINITY,
};
const WITH_ALT: Record<string, Command> = { ArrowUp: "up", ArrowDown: "down", Home: "front", End: "back" };
const WITH_CONTROL: Record<string, Command> = { a: "all", d: "duplicate", z: "undo", " ": "toggle" };
const ALONE: Record<string, Command> = {
  Delete: "remove",
  Backspace: "remove",
  F2: "edit",
  Escape: "none",
  Enter: "open",
  " ": "toggle",
};

/** Descriptions of the keys for users. */
export const KEYS: [string, string][] = [
  ["↑ ↓ Home End", "choose a row"],
  ["Shift with these", "select several"],
  ["Ctrl ↑ ↓, Space", "go to another row, select it too"],
  ["Ctrl A, Esc", "select all, select none"],
  ["Alt ↑ ↓", "move the selected items"],
  ["Alt Home, Alt End", "move them to the front or the back"],
  ["F2", "edit"],
  ["Ctrl D", "duplicate"],
  ["Del", "remove"],
  ["Ctrl Z", "undo"],
  ["Enter", "expand a row"],
];

type Keys = Pick<KeyboardEvent, "key" | "altKey" | "ctrlKey" | "metaKey" | "shiftKey">;

/** How far a key moves, and what it selects: the row, all rows up to it, or nothing. */
export function stepOf(event: Keys): { by: number; how: "choose" | "extend" | "go" } | null {
  const by = STEPS[event.key];
  if (by === undefined || event.altKey) return null;
  const isControl = event.ctrlKey || event.metaKey;
  return { by, how: event.shiftKey ? "extend" : isControl ? "go" : "choose" };
}

export function commandOf(event: Keys): Command | null {
  if (event.shiftKey) return null;
  const isControl = event.ctrlKey || event.metaKey;
  if (event.altKey) return isControl ? null : (WITH_ALT[event.key] ?? null);
  return (isControl ? WITH_CONTROL : ALONE)[event.key] ?? null;
}
