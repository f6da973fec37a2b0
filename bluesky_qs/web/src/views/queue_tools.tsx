/** What can be done with the queue: buttons for what is selected, undo, and clear. */

import { type Signal, useSignal } from "@preact/signals";
import { deed } from "../words/deeds";
import { useModel } from "./app";
import { EditParameter } from "./edit_parameter";
import { KEYS } from "./queue_keys";
import { Uid } from "./uid";

interface Props {
  isEditing: Signal<boolean>;
  /** Put the focus into the list, because the button that had it is gone. */
  toList: () => void;
}

export function QueueTools({ isEditing, toList }: Props) {
  const { edit } = useModel();
  if (!edit.isAllowed.value) {
    return <p class="meta">You may look at the queue but not change it: your sign-in lacks write:queue:edit.</p>;
  }
  const chosen = edit.selection.chosen.value.size;
  return (
    <>
      <div class="queue-tools">
        {chosen > 0 && <SelectionTools count={chosen} isEditing={isEditing} toList={toList} />}
        <UndoButton />
        {edit.items.value.length > 0 && (
          <button type="button" class="danger" onClick={() => void edit.clear()}>
            Clear…
          </button>
        )}
      </div>
      {chosen > 0 && isEditing.value && <EditParameter close={() => close(isEditing, toList)} />}
    </>
  );
}

function close(isEditing: Signal<boolean>, toList: () => void): void {
  isEditing.value = false;
  toList();
}

function SelectionTools({ count, isEditing, toList }: Props & { count: number }) {
  const { edit, composer, beside } = useModel();
  const only = beside.value;
  const isPlacing = useSignal(false);
  const moved = (place: number) => {
    isPlacing.value = false;
    edit.toPosition(place);
    toList();
  };
  return (
    <fieldset class="chosen">
      <legend class="unseen">What is selected</legend>
      <b>{count} selected</b>
      <button
        type="button"
        class="quiet"
        aria-label="Select none"
        onClick={() => {
          edit.selection.none();
          toList();
        }}
      >
        ✕
      </button>
      <button type="button" onClick={() => edit.toFront()} aria-label="Move to the front">
        Front
      </button>
      <button type="button" onClick={() => edit.step(-1)} aria-label="Move up">
        ↑
      </button>
      <button type="button" onClick={() => edit.step(1)} aria-label="Move down">
        ↓
      </button>
      <button type="button" onClick={() => edit.toBack()} aria-label="Move to the back">
        Back
      </button>
      <button
        type="button"
        aria-expanded={isPlacing.value}
        onClick={() => {
          isPlacing.value = !isPlacing.value;
        }}
      >
        Move to…
      </button>
      {isPlacing.value && <PlaceForm last={edit.items.value.length - count} move={moved} />}
      <button
        type="button"
        aria-expanded={isEditing.value}
        onClick={() => {
          isEditing.value = !isEditing.value;
        }}
      >
        Edit…
      </button>
      {only?.item_type === "plan" && (
        <button type="button" onClick={() => composer.edit(only)}>
          Edit the plan…
        </button>
      )}
      <button type="button" onClick={() => void edit.duplicate()}>
        Duplicate
      </button>
      <button
        type="button"
        onClick={() => {
          void edit.remove();
          toList();
        }}
      >
        Remove
      </button>
    </fieldset>
  );
}

/** Asks for the position that the selected items get. */
function PlaceForm({ last, move }: { last: number; move: (place: number) => void }) {
  const text = useSignal("");
  return (
    <form
      class="place"
      onSubmit={(event) => {
        event.preventDefault();
        move(Number(text.value));
      }}
    >
      <label>
        Position{" "}
        <input
          type="number"
          min={0}
          max={last}
          required
          ref={(input) => input?.focus()}
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
          }}
        />
      </label>
      <button type="submit">Move</button>
    </form>
  );
}

function UndoButton() {
  const { edit } = useModel();
  const event = edit.undo.mine.value;
  if (!event) return null;
  return (
    <button type="button" class="undo" onClick={() => void edit.undoLast()}>
      Undo: {deed(event)}
    </button>
  );
}

/** Below the list: the uid of the only selected item, and the keys. */
export function QueueFoot() {
  const { edit } = useModel();
  const [only, ...more] = edit.selected();
  return (
    <div class="queue-foot">
      {edit.isAllowed.value && <KeysHelp />}
      {only && more.length === 0 && <Uid key={only.item_uid} uid={only.item_uid} />}
    </div>
  );
}

function KeysHelp() {
  return (
    <details class="keys">
      <summary>Keys</summary>
      <dl>
        {KEYS.map(([keys, what]) => (
          <div key={keys}>
            <dt>{keys}</dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
