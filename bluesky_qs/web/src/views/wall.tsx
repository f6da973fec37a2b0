/** The page for a display across the hall: large, dark, and without buttons. */

import { useComputed } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { HistoryItem, Item, Status } from "../source/source";
import { queueTakes, starts } from "../words/estimates";
import { metadataPairs, planText } from "../words/plan";
import { hasFailed, reason, shownUser } from "../words/results";
import { stateMark, stateSentence } from "../words/status";
import { plural } from "../words/times";
import { useModel } from "./app";
import { Curves } from "./curves";
import { GridImage } from "./grid_image";
import { Connection } from "./link";
import { Metadata, Progress, Waiting } from "./now";
import { SIGNS } from "./state_panel";

/** Number of next plans to show, and of plans that have ended. */
const SHOWN = 5;

/** Whether the address asks for the wall: `?view=wall`. */
export function isWall(): boolean {
  return new URLSearchParams(location.search).get("view") === "wall";
}

export function WallView() {
  const model = useModel();
  const isStale = useComputed(() => !["live", "connecting"].includes(model.link.value.state));
  return (
    <div class="wall">
      <Top />
      <Connection />
      <main class={isStale.value ? "stale" : ""}>
        <Running />
        <Plot />
        <Next />
        <Past />
      </main>
    </div>
  );
}

/** The instrument and the beamline's time. If the clock stands still, the display hangs. */
function Top() {
  const model = useModel();
  const { zone, now } = model.clock.value;
  return (
    <header>
      <b>{model.instruments.current.value || "Queue"}</b>
      <span class="time">{zone.moment(now, now)}</span>
    </header>
  );
}

function Running() {
  const model = useModel();
  const status = model.status.value;
  const item = model.queue.running.value;
  if (!status) return <section aria-label="State" aria-busy="true" />;
  const mark = stateMark(status);
  const { lead } = stateSentence(status, item ? planText(item, model.devices.value) : "", model.clock.value);
  return (
    <section class="state" aria-label="State">
      <p class="lead">
        <strong class={mark}>
          <span aria-hidden="true">{SIGNS[mark]} </span>
          {lead.replace(/ in$/, "")}
        </strong>
      </p>
      {item && (
        <>
          <p class="call">{planText(item, model.devices.value)}</p>
          <Metadata pairs={metadataPairs(item.meta)} />
          {item.user && <p class="meta">for {shownUser(item.user)}</p>}
          <Progress />
        </>
      )}
      <Question status={status} />
      <Waiting />
    </section>
  );
}

function Question({ status }: { status: Status }) {
  const question = status.input_pending;
  if (!question) return null;
  return (
    <p class="wait">
      <span aria-hidden="true">?</span>
      <span>Waiting for input: {question.prompt.trim() || "user code asks"}</span>
    </p>
  );
}

/** The readings of the running plan. */
function Plot() {
  const model = useModel();
  useEffect(() => model.runs.begin(), [model]);
  const runs = model.runs.runs.value;
  const run = runs.findLast((each) => each.changes.value > 0 && each.points.length > 0);
  const field = run?.chosen[0];
  if (!run || !field) return null;
  return (
    <section class="plot" aria-label={`Readings of ${run.name}`}>
      {run.grid ? (
        <GridImage run={run} field={field} />
      ) : (
        <Curves run={run} fields={run.chosen} isLog={false} onPoint={() => {}} />
      )}
    </section>
  );
}

function Next() {
  const model = useModel();
  const { estimates } = model;
  const items = model.queue.items.value;
  const uids = items.slice(0, SHOWN).map((item) => item.item_uid);
  const wanted = useMemo(() => uids, [uids.join()]);
  useEffect(() => estimates.want(wanted), [estimates, wanted]);
  useEffect(() => () => estimates.want(null), [estimates]);
  const estimate = estimates.queue.value;
  const how = {
    isRunning: model.queue.running.value !== null,
    isLoop: model.status.value?.plan_queue_mode?.loop ?? false,
    isHeld: model.isHeld.value,
  };
  const time = estimate ? queueTakes(estimate, how, model.clock.peek()) : "";
  return (
    <section aria-labelledby="next-title">
      <h2 id="next-title">Next · {[plural(items.length, "item"), time].filter(Boolean).join(", ")}</h2>
      <ol>
        {items.slice(0, SHOWN).map((item) => (
          <NextRow key={item.item_uid} item={item} />
        ))}
      </ol>
    </section>
  );
}

function NextRow({ item }: { item: Item }) {
  const model = useModel();
  const estimate = model.estimates.items.value.get(item.item_uid);
  const isStop = item.item_type === "instruction" && item.name === "queue_stop";
  return (
    <li>
      <span class="call">{isStop ? "The queue stops here" : planText(item, model.devices.value)}</span>
      <span class="time">
        {(!isStop && estimate && starts(estimate, model.clock.peek(), model.isHeld.value)) || ""}
      </span>
    </li>
  );
}

function Past() {
  const model = useModel();
  const { past } = model;
  useEffect(() => past.begin(), [past]);
  const items = past.items.value.slice(0, SHOWN);
  if (items.length === 0) return null;
  return (
    <section aria-labelledby="past-title">
      <h2 id="past-title">Last plans</h2>
      <ol>
        {items.map((item) => (
          <PastRow key={item.item_uid} item={item} />
        ))}
      </ol>
    </section>
  );
}

function PastRow({ item }: { item: HistoryItem }) {
  const model = useModel();
  const { zone, now } = model.clock.value;
  const { result } = item;
  const isBad = hasFailed(item);
  return (
    <li>
      <span class="what">
        <span class={isBad ? "bad" : "good"}>
          <span aria-hidden="true">{isBad ? "✕" : "✓"} </span>
          {result.exit_status}
        </span>{" "}
        <span class="call">{planText(item, model.devices.value)}</span>
        {isBad && <span class="bad why">{reason(result)}</span>}
      </span>
      <span class="time">{result.time_stop ? zone.clock(result.time_stop, now) : ""}</span>
    </li>
  );
}
