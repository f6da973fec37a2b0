/** The buttons that run a history item again, or start the queue if the item is back in it. */

import { useSignal } from "@preact/signals";
import type { HistoryItem, Item } from "../source/source";
import { possibleControls } from "../words/controls";
import { linkTo, usePlace } from "./address";
import { useModel } from "./app";

interface Props {
  item: Item | HistoryItem;
  /** The uid of the item that was put back into the queue. */
  requeued: string | undefined;
}

export function Again({ item, requeued }: Props) {
  const model = useModel();
  const place = usePlace();
  const added = useSignal<readonly string[]>([]);
  const isBusy = useSignal(false);
  const isBack = usePosition(requeued) >= 0;
  if (!model.actions.may("write:queue:edit") || item.item_type !== "plan") return isBack ? <StartQueue /> : null;
  const run = async () => {
    isBusy.value = true;
    const uids = await model.again.run([item], { isShown: true });
    isBusy.value = false;
    added.value = [...added.value, ...(uids ?? [])];
  };
  const isPrimary = !isBack && added.value.length === 0;
  return (
    <>
      {isBack && <StartQueue />}
      <button type="button" class={isPrimary ? "primary" : ""} disabled={isBusy.value} onClick={() => void run()}>
        {isBack ? "Run again, as a copy" : "Run again"}
      </button>
      <button
        type="button"
        onClick={() => {
          model.composer.again(item as HistoryItem);
          place.go(linkTo("now"));
        }}
      >
        Run again with changes…
      </button>
      <Added uids={added.value} />
    </>
  );
}

/** The position of an item in the queue; negative if it is not there. */
export function usePosition(uid: string | undefined): number {
  return useModel().queue.items.value.findIndex((item) => item.item_uid === uid);
}

/** Starts the queue, if that is possible now. */
function StartQueue() {
  const { actions, status } = useModel();
  const controls = status.value ? possibleControls(status.value, (scope) => actions.may(scope)) : [];
  const start = controls.find(({ method }) => method === "queue_start");
  if (!start) return null;
  return (
    <button
      type="button"
      class="primary"
      title={start.text}
      disabled={actions.isBusy("queue_start")}
      onClick={() => void actions.run("queue_start", {})}
    >
      Start the queue
    </button>
  );
}

/** Shows where the last copy is, so that nobody adds it again by accident. */
function Added({ uids }: { uids: readonly string[] }) {
  const { queue } = useModel();
  const last = uids.at(-1);
  const position = usePosition(last);
  const isRunning = last !== undefined && queue.running.value?.item_uid === last;
  const what = uids.length > 1 ? `Added ${uids.length} copies` : "Added to the queue";
  const where = isRunning ? ", running now" : position < 0 ? "" : ` at position ${position}`;
  const text = uids.length > 1 && position >= 0 ? `${what}, the last${where}` : what + where;
  return (
    <span class="good" role="status">
      {last && (
        <>
          <span aria-hidden="true">✓ </span>
          {text}. <a href={linkTo("now")}>Go to the queue</a>
        </>
      )}
    </span>
  );
}
