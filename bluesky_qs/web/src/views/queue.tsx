/** The queue: what comes next, in order. */

import type { Item } from "../source/source";
import { metadataPairs, planText } from "../words/plan";
import { shownUser } from "../words/results";
import { plural } from "../words/times";
import { useModel } from "./app";
import { Compose } from "./compose";
import { Metadata } from "./now";
import { Rows } from "./rows";
import { Uid } from "./uid";

export function QueuePanel() {
  const model = useModel();
  const items = model.queue.items.value;
  const isRead = model.queue.isRead.value;
  const reasons = model.faults.reasons.value;
  const count = items.length > 0 ? ` · ${plural(items.length, "item")}` : "";
  const bad = items.filter((item) => reasons.has(item.item_uid)).length;
  return (
    <section class="queue" aria-labelledby="queue-title">
      <h2 id="queue-title">
        Queue{count}
        {bad > 0 && <span class="warn">⚠ {bad} cannot run now</span>}
      </h2>
      <Compose />
      {model.queue.problem.value && <p class="bad">✕ The queue cannot be read: {model.queue.problem.value}</p>}
      {isRead && items.length === 0 && <p class="meta none">The queue is empty.</p>}
      {items.length > 0 && (
        <>
          <div class="row head" aria-hidden="true">
            <span class="n">#</span>
            <span>Plan</span>
            <span class="who">Who</span>
          </div>
          <Rows
            label="Queue"
            rows={items}
            id={uidOf}
            lines={(item) => linesOf(item) + (reasons.has(item.item_uid) ? 1 : 0)}
          >
            {(item, at, isOpen) => <QueueRow item={item} at={at} isOpen={isOpen} />}
          </Rows>
        </>
      )}
    </section>
  );
}

const uidOf = (item: Item) => item.item_uid;
const linesOf = (item: Item) => (metadataPairs(item.meta).length > 0 ? 2 : 1);

function QueueRow({ item, at, isOpen }: { item: Item; at: number; isOpen: boolean }) {
  const model = useModel();
  const devices = model.devices.value;
  const reason = model.faults.reasons.value.get(item.item_uid);
  const isStop = item.item_type === "instruction" && item.name === "queue_stop";
  return (
    <div class="cells">
      <span class="n">{at}</span>
      <span class="what">
        {isStop ? (
          <span class="chip">The queue stops here until someone starts it</span>
        ) : (
          <span class="call">{planText(item, devices)}</span>
        )}
        {reason && <span class="warn">⚠ Cannot run now: {reason}</span>}
        <Metadata pairs={metadataPairs(item.meta)} />
        {isOpen && model.actions.may("write:queue:edit") && !isStop && (
          <button
            type="button"
            class="quiet"
            onClick={(event) => {
              event.stopPropagation();
              model.composer.edit(item);
            }}
          >
            Edit…
          </button>
        )}
        {isOpen && <Uid uid={item.item_uid} />}
      </span>
      <span class="who">{shownUser(item.user)}</span>
    </div>
  );
}
