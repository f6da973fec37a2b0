/** The queue, with start times and durations, and the tools to edit it. */

import { useSignal } from "@preact/signals";
import { useCallback, useRef } from "preact/hooks";
import type { Item } from "../source/source";
import { estimateSentence, queueTakes, starts, takes } from "../words/estimates";
import { actionText } from "../words/event_text";
import { metadataPairs, planText } from "../words/plan";
import { shownUser } from "../words/results";
import { plural } from "../words/times";
import { useModel } from "./app";
import { Compose } from "./compose";
import type { Drag } from "./dragging";
import { Metadata } from "./now";
import type { Command } from "./queue_keys";
import { QueueFoot, QueueTools, UndoAndClear } from "./queue_tools";
import { Rows } from "./rows";

/** Seconds for which a row shows a change by another user. */
const NEWS = 10;

export function QueuePanel() {
  const model = useModel();
  const { composer, edit, queue } = model;
  const items = edit.items.value;
  const isRead = queue.isRead.value;
  const list = useRef<HTMLDivElement>(null);
  const isEditing = useSignal(false);
  const toList = () => list.current?.querySelector<HTMLElement>(".rows")?.focus();
  const beginEdit = () => {
    const [only, ...more] = edit.selected();
    if (only && more.length > 0) isEditing.value = !isEditing.value;
    else if (only?.item_type === "plan") composer.edit(only);
  };
  const onCommand = (command: Command) => {
    if (!edit.isAllowed.value) return;
    if (command === "edit") beginEdit();
    else COMMANDS[command]?.(edit);
  };
  return (
    <section class="queue" aria-labelledby="queue-title">
      <div class="title-row">
        <Heading />
        {isRead && <UndoAndClear />}
      </div>
      <Compose toList={toList} />
      {queue.problem.value && <p class="bad">✕ The queue cannot be read: {queue.problem.value}</p>}
      {items.length > 0 && <QueueTools isEditing={isEditing} beginEdit={beginEdit} toList={toList} />}
      {isRead && items.length === 0 && <p class="meta none">The queue is empty.</p>}
      {items.length > 0 && (
        <div ref={list}>
          <div class="rows-head" aria-hidden="true">
            <div class="row head">
              <span class="n">#</span>
              <span>Plan</span>
              <span class="who">Who</span>
              <span class="takes">Takes</span>
              <span class="starts">Starts</span>
              <span />
            </div>
          </div>
          <QueueRows onCommand={onCommand} />
          <QueueFoot />
        </div>
      )}
      <p class="unseen" role="status">
        {edit.announcement.value}
      </p>
    </section>
  );
}

const COMMANDS: Partial<Record<Command, (edit: ReturnType<typeof useModel>["edit"]) => void>> = {
  up: (edit) => edit.step(-1),
  down: (edit) => edit.step(1),
  front: (edit) => edit.toFront(),
  back: (edit) => edit.toBack(),
  remove: (edit) => void edit.remove(),
  duplicate: (edit) => void edit.duplicate(),
  undo: (edit) => void edit.undoLast(),
};

/** The number of items, and how long they take. */
function Heading() {
  const model = useModel();
  const items = model.edit.items.value;
  const reasons = model.faults.reasons.value;
  const bad = items.filter((item) => reasons.has(item.item_uid)).length;
  const clock = model.clock.peek(); // the texts contain times of day, but change only with the estimates
  const estimate = model.estimates.queue.value;
  const how = {
    isRunning: model.queue.running.value !== null,
    isLoop: model.status.value?.plan_queue_mode?.loop ?? false,
    isHeld: model.isHeld.value,
  };
  const time = estimate ? queueTakes(estimate, how, clock) : "";
  const parts = [plural(items.length, "item"), time].filter(Boolean);
  return (
    <h2 id="queue-title">
      Queue{items.length > 0 && ` · ${parts.join(", ")}`}
      {bad > 0 && <span class="warn">⚠ {bad} cannot run now</span>}
    </h2>
  );
}

const uidOf = (item: Item) => item.item_uid;

function QueueRows({ onCommand }: { onCommand: (command: Command) => void }) {
  const model = useModel();
  const { edit, estimates } = model;
  const reasons = model.faults.reasons.value;
  const doubts = model.faults.doubts.value;
  const lines = useCallback(
    (item: Item) => linesOf(item) + (reasons.has(item.item_uid) || doubts.has(item.item_uid) ? 1 : 0),
    [reasons, doubts],
  );
  const onSeen = useCallback((uids: readonly string[] | null) => estimates.want(uids), [estimates]);
  const onDrop = ({ uids, gone, to }: Drag) => {
    if (gone.length > 0) edit.gone(gone);
    if (uids.length > 0) edit.moveTo(to);
  };
  return (
    <Rows
      label="Queue"
      rows={edit.items.value}
      id={uidOf}
      lines={lines}
      selection={edit.selection}
      onSeen={onSeen}
      onCommand={onCommand}
      onDrop={edit.isAllowed.value ? onDrop : undefined}
      dragged={({ uids, to }) => `${plural(uids.length, "item")} to position ${edit.positionAt(to)}`}
    >
      {(item, at, isOpen) => <QueueRow item={item} at={at} isOpen={isOpen} />}
    </Rows>
  );
}

/** Caches the lines of each item. A changed item is a new object. */
const known = new WeakMap<Item, number>();

function linesOf(item: Item): number {
  let lines = known.get(item);
  if (lines === undefined) {
    lines = metadataPairs(item.meta).length > 0 ? 2 : 1;
    known.set(item, lines);
  }
  return lines;
}

function QueueRow({ item, at, isOpen }: { item: Item; at: number; isOpen: boolean }) {
  const model = useModel();
  const devices = model.devices.value;
  const reason = model.faults.reasons.value.get(item.item_uid);
  const doubt = model.faults.doubts.value.get(item.item_uid);
  const estimate = model.estimates.items.value.get(item.item_uid);
  const isStop = item.item_type === "instruction" && item.name === "queue_stop";
  const length = estimate && takes(estimate);
  const clock = model.clock.peek();
  const isHeld = model.isHeld.value;
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
        {doubt && <span class="warn">⚠ Check this plan: {doubt}</span>}
        <Metadata pairs={metadataPairs(item.meta)} />
        {isOpen && estimate && !isStop && <div class="meta">{estimateSentence(estimate, clock, isHeld)}.</div>}
      </span>
      <Who item={item} />
      <span class="takes">{isStop ? "" : length || (estimate ? "unknown" : "")}</span>
      <span class="starts">{isStop ? "" : (estimate && starts(estimate, clock, isHeld)) || "–"}</span>
      <span class="grip" aria-hidden="true">
        {model.edit.isAllowed.value && "⠿"}
      </span>
    </div>
  );
}

/** The owner of an item, or for a few seconds, a change by another user. */
function Who({ item }: { item: Item }) {
  const model = useModel();
  const change = model.edit.undo.others.value.get(item.item_uid);
  // Read the clock only if necessary. Otherwise all rows would be redrawn every second.
  const isNew = change && model.clock.value.now - change.time < NEWS;
  if (!change || !isNew) return <span class="who">{shownUser(item.user)}</span>;
  return (
    <span class="who news">
      {actionText(change).split(" ")[0]} by {shownUser(change.user ?? "")}
    </span>
  );
}
