/** Selects rows of a list with the mouse, a finger or keys, as in a file manager. */

import type { Signal } from "@preact/signals";
import type { Selection } from "../model/selection";
import { type Command, commandOf, stepOf } from "./queue_keys";

interface List {
  selection: Selection;
  /** The expanded row. */
  open: Signal<string | null>;
  /** Scroll to a row. */
  reveal: (uid: string) => void;
  onCommand: (command: Command) => void;
}

/** A key was pressed in the list. */
export function pressed(event: KeyboardEvent, list: List): void {
  const step = stepOf(event);
  const command = commandOf(event);
  if (step === null && command === null) return;
  event.preventDefault();
  if (step) go(step, list);
  else if (command) obey(command, list);
}

function go({ by, how }: NonNullable<ReturnType<typeof stepOf>>, { selection, reveal }: List): void {
  const uid = selection.below(by);
  if (uid === null) return;
  if (how === "go") selection.current.value = uid;
  else if (how === "extend") selection.extend(uid);
  else selection.choose(uid);
  reveal(uid);
}

function obey(command: Command, { selection, open, reveal, onCommand }: List): void {
  const current = selection.current.value;
  if (command === "all" || command === "none") selection[command]();
  else if (command === "toggle") current && selection.toggle(current);
  else if (command === "open") open.value = open.value === current ? null : current;
  else {
    onCommand(command);
    if (current) reveal(current);
  }
}

/** Handle a click on a row. On a touch screen, tapping its number adds it to the selection. */
export function clicked(event: MouseEvent, uid: string, { selection, open }: Pick<List, "selection" | "open">): void {
  const chosen = selection.chosen.value;
  const isFinger = (event as PointerEvent).pointerType === "touch";
  const isNumber = event.target instanceof Element && event.target.closest(".n") !== null;
  if (event.shiftKey) selection.extend(uid);
  else if (event.ctrlKey || event.metaKey || (isFinger && isNumber)) selection.toggle(uid);
  else if (chosen.size === 1 && chosen.has(uid)) open.value = open.value === uid ? null : uid;
  else selection.choose(uid);
}
