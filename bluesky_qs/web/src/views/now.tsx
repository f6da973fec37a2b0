/** The state, the running plan, its readings and the queue. On wide screens, also the history. */

import { useComputed, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { metadataPairs } from "../words/plan";
import { shownUser } from "../words/results";
import { isHeld, planProgress, waitingSentence } from "../words/status";
import { about, lengthOfTime, plural } from "../words/times";
import { useModel } from "./app";
import { LastPlans } from "./history";
import { ItemLink } from "./item_link";
import { LivePanel } from "./live";
import { QueuePanel } from "./queue";
import { StatePanel } from "./state_panel";

/** At this width, the history has its own column. */
const WIDE = "(min-width: 2200px)";

export function NowView() {
  const isWide = useMedia(WIDE);
  return (
    <>
      <StatePanel />
      <div class="column">
        <RunningPanel />
        <LivePanel />
      </div>
      <QueuePanel />
      <LastPlans most={isWide ? 50 : 5} />
    </>
  );
}

function useMedia(query: string): boolean {
  const matches = useSignal(matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const change = () => {
      matches.value = list.matches;
    };
    list.addEventListener("change", change);
    return () => list.removeEventListener("change", change);
  }, [query]);
  return matches.value;
}

function RunningPanel() {
  const model = useModel();
  const item = model.queue.running.value;
  const last = useComputed(() => model.queue.items.value.length > 0);
  if (item === null) {
    const hint = last.value ? "The queue is not running." : "Nothing is running.";
    return (
      <section aria-labelledby="running-title">
        <h2 id="running-title">Running now</h2>
        <p class="meta none">{model.queue.isRead.value ? hint : "Reading the queue …"}</p>
      </section>
    );
  }
  const { zone, now } = model.clock.value;
  const began = item.properties?.time_start ?? model.status.value?.running_item_progress?.time_start;
  const who = shownUser(item.user);
  return (
    <section aria-labelledby="running-title">
      <h2 id="running-title">
        Running now
        <span>
          {began ? `started ${zone.moment(began, now)}` : ""}
          {who ? ` by ${who}` : ""}
        </span>
      </h2>
      <div>
        <ItemLink item={item} />
      </div>
      <Metadata pairs={metadataPairs(item.meta)} />
      <Progress />
      <Waiting />
    </section>
  );
}

export function Metadata({ pairs }: { pairs: [string, string][] }) {
  if (pairs.length === 0) return null;
  return (
    <div class="meta pairs">
      {pairs.map(([key, value]) => (
        <span key={key}>
          {key} <b>{value}</b>{" "}
        </span>
      ))}
    </div>
  );
}

export function Progress() {
  const model = useModel();
  const status = model.status.value;
  const { now, zone } = model.clock.value;
  const progress = status && planProgress(status, now);
  if (!status || !progress) return null;
  const { events, total, done, left, elapsed } = progress;
  const percent = done === null ? null : Math.round(done * 100);
  const points = total ? `${events} of ${plural(total, "point")}` : events ? plural(events, "point") : "no points yet";
  const time =
    left !== null && !isHeld(status)
      ? `${about(left)} to go, until ${zone.moment(now + left, now)}`
      : elapsed !== null
        ? `for ${lengthOfTime(elapsed)}, time to go unknown`
        : "";
  return (
    <>
      {/* Without a value, the bar indicates that the progress is unknown. */}
      <progress class="bar" aria-label="Progress of the plan" max={100} value={percent ?? undefined} />
      <div class="under">
        <span>
          {points}
          {percent === null ? "" : ` · ${percent} %`}
        </span>
        <span>{time}</span>
      </div>
    </>
  );
}

export function Waiting() {
  const model = useModel();
  const status = model.status.value;
  const sentence = status ? waitingSentence(status, model.clock.value.now) : "";
  return (
    <p class={sentence ? "wait" : "wait none"}>
      {sentence && <span aria-hidden="true">◷</span>}
      <span>{sentence}</span>
    </p>
  );
}
