/** The buttons for plans that are selected in the history. */

import { type Signal, useSignal } from "@preact/signals";
import type { HistoryItem } from "../source/source";
import { linkTo, usePlace } from "./address";
import { useModel } from "./app";

interface Props {
  items: readonly HistoryItem[];
  chosen: Signal<ReadonlySet<string>>;
}

export function ChosenTools({ items, chosen }: Props) {
  const model = useModel();
  const place = usePlace();
  const isBusy = useSignal(false);
  // They run again in the order in which they ran; the list has the newest first.
  const selected = items.filter((item) => chosen.value.has(item.item_uid)).reverse();
  const [only, ...more] = selected;
  if (!only) return <span class="meta hint">Select plans to run them again.</span>;
  const none = () => {
    chosen.value = new Set();
  };
  const add = async () => {
    isBusy.value = true;
    const uids = await model.again.run(selected);
    isBusy.value = false;
    if (uids) none();
    return uids;
  };
  const change = async () => {
    if (more.length === 0) {
      model.composer.again(only);
      place.go(linkTo("now"));
      return;
    }
    const uids = await add();
    if (!uids) return;
    model.edit.selection.chooseWhenThere(uids);
    place.go(linkTo("now"));
  };
  return (
    <fieldset class="chosen">
      <legend class="unseen">Selected plans</legend>
      <b>{selected.length} selected</b>
      <button type="button" class="quiet" aria-label="Select none" onClick={none}>
        ✕
      </button>
      <button type="button" class="primary" disabled={isBusy.value} onClick={() => void add()}>
        Run again
      </button>
      <button type="button" disabled={isBusy.value} onClick={() => void change()}>
        Run again with changes…
      </button>
    </fieldset>
  );
}
