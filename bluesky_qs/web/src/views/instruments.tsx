/** Shows all instruments behind the door. A click opens an instrument's page. */

import { useEffect } from "preact/hooks";
import type { Instrument } from "../model/instruments";
import type { HistoryItem } from "../source/source";
import { planText } from "../words/plan";
import { reason } from "../words/results";
import { planProgress, stateMark, stateSentence } from "../words/status";
import { useModel } from "./app";
import { SIGNS } from "./state_panel";

export function InstrumentsView() {
  const { instruments } = useModel();
  const names = instruments.names.value;
  useEffect(() => instruments.begin(), [instruments, names.join()]);
  return (
    <section class="instruments" aria-labelledby="instruments-title">
      <h2 id="instruments-title">All instruments</h2>
      <ul>
        {instruments.followed.value.map((instrument) => (
          <Card key={instrument.name} instrument={instrument} />
        ))}
      </ul>
    </section>
  );
}

/** The page for an address that names an instrument which the door does not have. */
export function UnknownInstrument() {
  const { instruments } = useModel();
  return (
    <main class="instruments">
      <section role="alert">
        <p>There is no instrument “{instruments.asked}” here. Choose one:</p>
        <ul class="choice">
          {instruments.names.value.map((name) => (
            <li key={name}>
              <a href={pageOf(name)}>{name}</a>
            </li>
          ))}
        </ul>
      </section>
    </main>
  );
}

/** The address of an instrument's page. */
function pageOf(name: string): string {
  const query = new URLSearchParams(location.search);
  query.set("instrument", name);
  return `?${query}#/now`;
}

function Card({ instrument }: { instrument: Instrument }) {
  const model = useModel();
  model.clock.value; // so that the times are updated every second
  const isHere = model.instruments.current.value === instrument.name;
  const { state } = instrument.link.value;
  const isAway = state === "lost" || state === "silent";
  return (
    <li class={isAway ? "stale" : ""}>
      <h3>
        <a href={pageOf(instrument.name)} aria-current={isHere ? "true" : undefined}>
          {instrument.name}
        </a>
        {isHere && <span class="meta">shown by this page</span>}
      </h3>
      <Away instrument={instrument} />
      <State instrument={instrument} />
      <Failure instrument={instrument} />
    </li>
  );
}

function Away({ instrument }: { instrument: Instrument }) {
  const link = instrument.link.value;
  if (link.state !== "lost" && link.state !== "silent") return null;
  const { zone, now } = instrument.clock();
  const since = link.since === null ? "" : ` since ${zone.moment(link.since, now)}`;
  return (
    <p class="away">
      <span aria-hidden="true">⚠ </span>
      {link.state === "lost" ? "No connection" : "The service does not answer"}
      {since}
    </p>
  );
}

/** The state in words, with the plan, the remaining time, and a progress bar. */
function State({ instrument }: { instrument: Instrument }) {
  const status = instrument.status.value;
  const link = instrument.link.value.state;
  if (!status) return link === "connecting" ? <p class="meta">Connecting …</p> : null;
  const clock = instrument.clock();
  const item = instrument.running.value.value;
  const isSame = item !== null && item.item_uid === status.running_item_uid;
  const plan = isSame ? planText(item, instrument.devices.value.value ?? undefined) : "";
  const { lead, rest } = stateSentence(status, plan, clock);
  const mark = stateMark(status);
  const done = planProgress(status, clock.now)?.done ?? null;
  return (
    <>
      <p class="sentence">
        <strong class={mark}>
          <span aria-hidden="true">{SIGNS[mark]} </span>
          {lead}
        </strong>
        {rest}
      </p>
      {status.running_item_uid && (
        <progress
          class="bar"
          aria-label={`Progress of the plan at ${instrument.name}`}
          max={100}
          value={done === null ? undefined : Math.round(done * 100)}
        />
      )}
    </>
  );
}

function Failure({ instrument }: { instrument: Instrument }) {
  const { zone, now } = instrument.clock();
  const failure: HistoryItem | null = instrument.failure.value.value;
  if (!failure) return null;
  const { result } = failure;
  const when = result.time_stop ? zone.moment(result.time_stop, now) : "";
  const why = reason(result);
  return (
    <p class="last-failure">
      <span class="bad">
        <span aria-hidden="true">✕ </span>Last failure {when}
      </span>{" "}
      <span class="call">{planText(failure, instrument.devices.value.value ?? undefined)}</span>
      {why && <span class="why">{why}</span>}
    </p>
  );
}
