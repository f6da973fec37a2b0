/** The history, newest first, with a search. Its plans can be run again or saved. */

import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { filterOf, queryOf } from "../model/history_filter";
import type { Past } from "../model/past";
import type { HistoryItem } from "../source/source";
import { metadataPairs, planText } from "../words/plan";
import { countSentence, hasFailed, ranges, reason, shownUser, took } from "../words/results";
import { linkTo, usePlace } from "./address";
import { useModel } from "./app";
import { ExportButtons } from "./history_export";
import { HistorySearch } from "./history_search";
import { ChosenTools } from "./history_tools";
import { Ending, ItemLink } from "./item_link";
import { Metadata } from "./now";
import { Timeline } from "./timeline";

type Chosen = Signal<ReadonlySet<string>>;

export function HistoryView() {
  const model = useModel();
  const { address } = usePlace();
  const key = address.value.query.toString();
  const filter = useMemo(() => filterOf(address.peek().query), [key]);
  const found = useMemo(() => model.search(filter), [model, filter]);
  const past = useRead(found);
  const chosen = useSignal<ReadonlySet<string>>(new Set());
  useEffect(() => found.begin(), [found]);
  useEffect(() => model.past.begin(), [model]); // for names to suggest
  const items = past.items.value;
  const isFiltered = Object.keys(queryOf(filter)).length > 0;
  const mayAdd = model.actions.may("write:queue:edit");
  return (
    <>
      <Timeline past={past} isAll={!isFiltered} />
      <section class="history" aria-labelledby="history-title">
        <Heading title="History" past={past} items={items} isFiltered={isFiltered} />
        <HistorySearch />
        {past.isIncomplete.value && (
          <p class="warn">⚠ The service is still building its search index, so older plans may be missing.</p>
        )}
        <div class="history-tools">
          {mayAdd && <ChosenTools items={items} chosen={chosen} />}
          {items.length > 0 && <ExportButtons filter={filter} />}
        </div>
        <Problem past={past} />
        {items.length > 0 && <HistoryTable items={items} chosen={mayAdd ? chosen : null} />}
        {past.hasOlder.value && (
          <button type="button" onClick={() => past.older()} disabled={past.isReading.value}>
            {past.isReading.value ? "Reading …" : "Show older plans"}
          </button>
        )}
      </section>
    </>
  );
}

/** The search result. Until it has been read, the previous result stays, so that the page does not flicker. */
function useRead(found: Past): Past {
  const shown = useRef(found);
  if (found.isRead.value || found.problem.value) shown.current = found;
  return shown.current;
}

/** The last plans, and a link to all of them. */
export function LastPlans({ most }: { most: number }) {
  const { past } = useModel();
  useEffect(() => past.begin(), [past]);
  const items = past.items.value.slice(0, most);
  const hasMore = past.hasOlder.value || items.length < past.items.value.length;
  return (
    <section class="history" aria-labelledby="history-title">
      <Heading title="Last plans" past={past} items={items} isFiltered={false} />
      <Problem past={past} />
      {items.length > 0 && <HistoryTable items={items} chosen={null} />}
      {hasMore && <a href={linkTo("history")}>All plans</a>}
    </section>
  );
}

interface HeadingProps {
  title: string;
  past: Past;
  items: readonly HistoryItem[];
  isFiltered: boolean;
}

function Heading({ title, past, items, isFiltered }: HeadingProps) {
  const hasMore = past.hasOlder.value || items.length < past.items.value.length;
  const reading = past.problem.value ? "" : "Reading …";
  const found = isFiltered && items.length === 0 ? "No plan matches" : countSentence(items);
  return (
    <h2 id="history-title">
      {title}
      <span role="status">{past.isRead.value ? `${hasMore ? "the last " : ""}${found}` : reading}</span>
    </h2>
  );
}

function Problem({ past }: { past: Past }) {
  const problem = past.problem.value;
  return problem ? <p class="bad">✕ The history could not be read: {problem}</p> : null;
}

/** With `chosen`, plans can be selected. */
function HistoryTable({ items, chosen }: { items: readonly HistoryItem[]; chosen: Chosen | null }) {
  const mayAdd = useModel().actions.may("write:queue:edit");
  return (
    <table>
      <thead>
        <tr>
          {chosen && (
            <td class="choose">
              <ChooseAll items={items} chosen={chosen} />
            </td>
          )}
          <th class="n">Started</th>
          <th>Plan</th>
          <th class="scan">Scan</th>
          <th class="who">Who</th>
          <th class="n">Took</th>
          {mayAdd && <td class="again" />}
        </tr>
      </thead>
      <tbody>
        {items.map((item) => (
          <HistoryRow key={item.item_uid} item={item} chosen={chosen} />
        ))}
      </tbody>
    </table>
  );
}

function ChooseAll({ items, chosen }: { items: readonly HistoryItem[]; chosen: Chosen }) {
  const isAll = items.every((item) => chosen.value.has(item.item_uid));
  return (
    <label class="check">
      <input
        type="checkbox"
        aria-label="Select all that are shown"
        checked={isAll}
        onChange={() => {
          chosen.value = new Set(isAll ? [] : items.map((item) => item.item_uid));
        }}
      />
    </label>
  );
}

function Choose({ item, chosen }: { item: HistoryItem; chosen: Chosen }) {
  const model = useModel();
  const isChosen = chosen.value.has(item.item_uid);
  return (
    <label class="check">
      <input
        type="checkbox"
        aria-label={`Select ${planText(item, model.devices.value)}`}
        checked={isChosen}
        onChange={() => {
          const others = [...chosen.value].filter((uid) => uid !== item.item_uid);
          chosen.value = new Set(isChosen ? others : [...others, item.item_uid]);
        }}
      />
    </label>
  );
}

function HistoryRow({ item, chosen }: { item: HistoryItem; chosen: Chosen | null }) {
  const model = useModel();
  const place = usePlace();
  const { zone, now } = model.clock.value;
  const { result } = item;
  const isBad = hasFailed(item);
  const why = isBad ? reason(result) : "";
  const again = () => {
    model.composer.again(item);
    place.go(linkTo("now"));
  };
  const mayAdd = model.actions.may("write:queue:edit");
  const button = (
    <button type="button" class="quiet" onClick={again}>
      Run again…
    </button>
  );
  return (
    <tr class={isBad ? "badrow" : ""}>
      {chosen && (
        <td class="choose">
          <Choose item={item} chosen={chosen} />
        </td>
      )}
      <td class="n">{result.time_start ? zone.moment(result.time_start, now) : "–"}</td>
      <td>
        <Ending result={result} /> <ItemLink item={item} />
        {why && <div class="bad why">{why}</div>}
        <Metadata pairs={metadataPairs(item.meta)} />
        {mayAdd && <div class="again narrow">{button}</div>}
      </td>
      <td class="scan">{ranges(result.scan_ids ?? [])}</td>
      <td class="who">{shownUser(item.user)}</td>
      <td class="n">{took(result) || "–"}</td>
      {mayAdd && <td class="n again">{button}</td>}
    </tr>
  );
}
