/** The page of one item: its call, times, result, data, output, and events. */

import { useSignalEffect } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { hasRun, type ItemPage, type ItemState, isActive } from "../model/item_page";
import type { HistoryItem, Item, Result } from "../source/source";
import { estimateSentence } from "../words/estimates";
import { eventText } from "../words/item_events";
import { metadataPairs, planText, valueText } from "../words/plan";
import { hasFailed, ranges, reason, shownUser } from "../words/results";
import { lengthOfTime } from "../words/times";
import { folded } from "../words/traceback";
import { linkTo, usePlace } from "./address";
import { useModel } from "./app";
import { LogPanel } from "./console";
import { Again, usePosition } from "./item_again";
import { Ending } from "./item_link";
import { ItemRuns } from "./live";
import { Metadata } from "./now";
import { SaveButton } from "./save";
import { Uid } from "./uid";

export function ItemView() {
  const uid = usePlace().address.value.rest[0] ?? "";
  return <OneItem key={uid} uid={uid} />;
}

function OneItem({ uid }: { uid: string }) {
  const model = useModel();
  const page = useMemo(() => model.openItem(uid), [model, uid]);
  useEffect(() => () => page.close(), [page]);
  useSignalEffect(() => {
    model.status.value?.estimates_uid; // check again when this changes
    void page.readEstimate();
  });
  const state = page.state.value;
  const item = page.item.value;
  const problem = page.problem.value;
  if (state === null) {
    return (
      <Note title="Item">
        {problem ? <p class="bad">✕ The item could not be read: {problem}</p> : <p class="meta none">Reading …</p>}
      </Note>
    );
  }
  if (item === null && state.state === "not_found") return <Unknown />;
  return (
    <>
      <Heading page={page} state={state} item={item} />
      <Times page={page} state={state} item={item} />
      <Ended result={state.result} />
      {hasRun(state) && (
        <ItemRuns runs={page.runs} none={isActive(state) ? "No readings yet." : "It took no readings."} />
      )}
      {hasRun(state) && <Output page={page} />}
      <Events page={page} />
    </>
  );
}

function Note({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section aria-labelledby="item-title">
      <h2 id="item-title">{title}</h2>
      {children}
    </section>
  );
}

function Unknown() {
  return (
    <Note title="Unknown item">
      <p>There is no such item in the queue or in the history.</p>
      <p>
        Check the address. If it is right, the item has been removed from the history. You can look for it in the{" "}
        <a href={linkTo("now")}>queue</a> or in the <a href={linkTo("history")}>history</a>.
      </p>
    </Note>
  );
}

interface Props {
  page: ItemPage;
  state: ItemState;
  item: Item | HistoryItem | null;
}

function Heading({ page, state, item }: Props) {
  const model = useModel();
  const by = shownUser(item?.user);
  const scans = ranges(state.result?.scan_ids ?? []);
  return (
    <section aria-labelledby="item-title">
      <h2 id="item-title">
        {scans ? `Scan ${scans}` : "Item"}
        {by && <span>by {by}</span>}
      </h2>
      <p class="sentence">
        <StateWords state={state} />
      </p>
      {item ? (
        <>
          <div class="call">{planText(item, model.devices.value)}</div>
          <Metadata pairs={metadataPairs(item.meta)} />
        </>
      ) : (
        <p class="meta">The service no longer knows this item's plan.</p>
      )}
      <div class="item-tools">
        {item && state.result && <Again item={item} requeued={state.requeued_as} />}
        {state.state === "queued" && (
          <a class="button" href={linkTo("now")}>
            Go to the queue
          </a>
        )}
        {isActive(state) && (
          <a class="button" href={linkTo("now")}>
            Go to “Now”
          </a>
        )}
        <Uid uid={page.uid} label="Copy the item's uid" />
        <RunUids result={state.result} />
      </div>
    </section>
  );
}

function backWords(position: number): string {
  if (position < 0) return "It was put back into the queue";
  return `Back in the queue, ${position === 0 ? "first" : `at position ${position}`}`;
}

function StateWords({ state }: { state: ItemState }) {
  const { result, requeued_as: requeued, position } = state;
  const place = usePosition(requeued);
  const words: Record<string, string> = {
    queued: `In the queue, at position ${position}`,
    running: "Running now",
    paused: "Paused",
    removed: "Removed from the queue",
  };
  return (
    <>
      {result ? <Ending result={result} /> : <strong>{words[state.state] ?? state.state}</strong>}
      {requeued && (
        <>
          {" "}
          · <a href={linkTo("item", requeued)}>{backWords(place)}</a>
        </>
      )}
    </>
  );
}

function RunUids({ result }: { result: Result | undefined }) {
  const uids = result?.run_uids ?? [];
  if (uids.length === 0) return null;
  const [only, ...more] = uids;
  if (only && more.length === 0) return <Uid uid={only} label="Copy the run's uid" />;
  return <Uid uid={uids.join("\n")} label={`Copy the uids of ${uids.length} runs`} />;
}

function Times({ page, state, item }: Props) {
  const model = useModel();
  const { zone, now } = model.clock.value;
  const { result, times } = state;
  const began = result?.time_start ?? times.running;
  const ended = result?.time_stop;
  const isQueued = state.state === "queued";
  const estimate = page.estimate.value;
  const failed = isQueued ? item?.result : undefined;
  return (
    <section aria-labelledby="times-title">
      <h2 id="times-title">Times</h2>
      <dl class="item-times">
        {times.queued !== undefined && <Fact name="Queued">{zone.moment(times.queued, now)}</Fact>}
        {began ? <Fact name="Started">{zone.moment(began, now)}</Fact> : null}
        {ended ? <Fact name="Ended">{zone.moment(ended, now)}</Fact> : null}
        {began && ended ? <Fact name="Took">{lengthOfTime(ended - began)}</Fact> : null}
        {began && isActive(state) ? <Fact name="For">{lengthOfTime(now - began)}</Fact> : null}
        {result?.time_paused ? <Fact name="Paused">{lengthOfTime(result.time_paused)}</Fact> : null}
        {result?.time_suspended ? <Fact name="Held by suspenders">{lengthOfTime(result.time_suspended)}</Fact> : null}
        {result?.time_estimated !== undefined && (
          <Fact name="Estimated">{`${lengthOfTime(result.time_estimated)} without pauses`}</Fact>
        )}
        {estimate && <Fact name="Estimate">{estimateSentence(estimate, { zone, now }, model.isHeld.value)}</Fact>}
      </dl>
      {failed && <p class="bad">It ran before and did not complete: {reason(failed)}</p>}
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Why it failed, or what it returned. */
function Ended({ result }: { result: Result | undefined }) {
  if (!result) return null;
  const { return_value: value } = result;
  const isBad = hasFailed({ result });
  // Most plans return the uids of their runs, which a button copies.
  const isUids = [value].flat().every((each) => (result.run_uids ?? []).includes(each as string));
  const hasValue = value !== undefined && value !== null && !isUids;
  if (!isBad && !hasValue) return null;
  return (
    <section class="ended" aria-labelledby="result-title">
      <h2 id="result-title">Result</h2>
      {isBad && <p class="bad why">✕ {reason(result) || `The plan was ${result.exit_status}.`}</p>}
      {isBad && result.traceback && <Traceback text={result.traceback} />}
      {hasValue && (
        <p class="why">
          Returned <span class="call">{result.return_value_is_text ? String(value) : valueText(value)}</span>
        </p>
      )}
    </section>
  );
}

function Traceback({ text }: { text: string }) {
  const short = folded(text);
  const isWhole = short === text.trimEnd();
  return (
    <>
      <Code text={short} label="Traceback" />
      {!isWhole && (
        <details>
          <summary>Full traceback</summary>
          <Code text={text} label="Full traceback" />
        </details>
      )}
    </>
  );
}

function Code({ text, label }: { text: string; label: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: so that keys can scroll it
    <section class="code" aria-label={label} tabIndex={0}>
      {text}
    </section>
  );
}

function Output({ page }: { page: ItemPage }) {
  const { log } = page;
  const before = log.before.value;
  return (
    <LogPanel log={log} title="Console output" none={log.problem.value ? "" : "It has not printed anything."}>
      {log.lines.value.length > 0 && (
        <SaveButton name="output.txt" text={() => log.text}>
          {before > 0 ? `Save all (${before} earlier lines are not shown)` : "Save"}
        </SaveButton>
      )}
    </LogPanel>
  );
}

function Events({ page }: { page: ItemPage }) {
  const { zone, now } = useModel().clock.value;
  const events = page.events.value;
  return (
    <section aria-labelledby="events-title">
      <h2 id="events-title">Events</h2>
      {events.length === 0 && <p class="meta none">The service no longer has any events for this item.</p>}
      <ol class="events">
        {events.map((event) => (
          <li key={event.seq}>
            <span class="n">{zone.moment(event.time, now)}</span> {eventText(event, page.uid)}
            {event.user ? ` by ${shownUser(event.user)}` : ""}
          </li>
        ))}
      </ol>
    </section>
  );
}
