/** The queue tools: buttons for selected items, undo, and clear. */

import { type Signal, useSignal } from "@preact/signals";
import { actionText } from "../words/event_text";
import { linkTo } from "./address";
import { useModel } from "./app";
import { EditParameter } from "./edit_parameter";
import { KeysHelp } from "./keys_help";
import { KEYS } from "./queue_keys";
import { Uid } from "./uid";

interface Props {
  /** Whether the form for one parameter of several plans is open. */
  isEditing: Signal<boolean>;
  /** Edit the selection: one plan as a whole, or one parameter of several plans. */
  beginEdit: () => void;
  /** Focus the list, because the focused button has disappeared. */
  toList: () => void;
}

/** The buttons for selected items. Their row is always present, so that the list does not move. */
export function QueueTools({ isEditing, beginEdit, toList }: Props) {
  const { edit } = useModel();
  if (!edit.isAllowed.value) {
    return (
      <p class="meta">
        You may see the queue but not change it. If you need to change it, ask the server's administrator.
      </p>
    );
  }
  const chosen = edit.selection.chosen.value.size;
  return (
    <>
      <div class="queue-tools">
        {chosen > 0 ? (
          <SelectionTools count={chosen} isEditing={isEditing} beginEdit={beginEdit} toList={toList} />
        ) : (
          <span class="meta hint">Select rows to move, edit, duplicate or remove them. You can also drag them.</span>
        )}
      </div>
      {chosen > 1 && isEditing.value && <EditParameter close={() => close(isEditing, toList)} />}
    </>
  );
}

/** Buttons for the whole queue. */
export function UndoAndClear() {
  const { edit } = useModel();
  if (!edit.isAllowed.value) return null;
  return (
    <span class="whole-queue">
      <UndoButton />
      {edit.items.value.length > 0 && (
        <button type="button" class="danger" onClick={() => void edit.clear()}>
          Clear…
        </button>
      )}
    </span>
  );
}

function close(isOpen: Signal<boolean>, toList: () => void): void {
  isOpen.value = false;
  toList();
}

function SelectionTools({ count, isEditing, beginEdit, toList }: Props & { count: number }) {
  const { edit, beside } = useModel();
  const isPlacing = useSignal(false);
  const moved = (place: number) => {
    edit.toPosition(place);
    close(isPlacing, toList);
  };
  return (
    <fieldset class="chosen">
      <legend class="unseen">Selected items</legend>
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
      {isPlacing.value && (
        <PlaceForm last={edit.items.value.length - count} move={moved} close={() => close(isPlacing, toList)} />
      )}
      {(count > 1 || beside.value?.item_type === "plan") && (
        <button type="button" aria-expanded={count > 1 ? isEditing.value : undefined} onClick={beginEdit}>
          Edit…
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

/** Asks for a new position for the selected items. */
function PlaceForm({ last, move, close }: { last: number; move: (place: number) => void; close: () => void }) {
  const text = useSignal("");
  return (
    <form
      class="place"
      onSubmit={(event) => {
        event.preventDefault();
        move(Number(text.value));
      }}
      onKeyDown={(event) => event.key === "Escape" && close()}
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
      Undo: {actionText(event)}
    </button>
  );
}

/** Shows the uid of a single selected item, and the keys, below the list. */
export function QueueFoot() {
  const { edit } = useModel();
  const [only, ...more] = edit.selected();
  return (
    <div class="queue-foot">
      {edit.isAllowed.value && <KeysHelp keys={KEYS} />}
      {only && more.length === 0 && (
        <span class="only">
          <a href={linkTo("item", only.item_uid)}>Open its page</a>
          <Uid key={only.item_uid} uid={only.item_uid} />
        </span>
      )}
    </div>
  );
}
