/** The history, newest first. */

import { useEffect } from "preact/hooks";
import type { HistoryItem } from "../source/source";
import { metadataPairs, planText } from "../words/plan";
import { countSentence, hasFailed, ranges, reason, shownUser, took } from "../words/results";
import { useModel } from "./app";
import { Metadata } from "./now";

export function HistoryView() {
  return <HistoryPanel />;
}

/** With `most`, the panel shows only this number of plans and a link to all of them. */
export function HistoryPanel({ most }: { most?: number }) {
  const model = useModel();
  const { past } = model;
  useEffect(() => past.begin(), [past]);
  const items = most === undefined ? past.items.value : past.items.value.slice(0, most);
  const mayAdd = model.actions.may("write:queue:edit");
  const hasMore = past.hasOlder.value || items.length < past.items.value.length;
  const reading = past.problem.value ? "" : "Reading …";
  return (
    <section class="history" aria-labelledby="history-title">
      <h2 id="history-title">
        {most === undefined ? "History" : "Last plans"}
        <span>{past.isRead.value ? `${hasMore ? "the last " : ""}${countSentence(items)}` : reading}</span>
      </h2>
      {past.problem.value && <p class="bad">✕ The history could not be read: {past.problem.value}</p>}
      {items.length > 0 && (
        <table>
          <thead>
            <tr>
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
              <HistoryRow key={item.item_uid} item={item} />
            ))}
          </tbody>
        </table>
      )}
      {most !== undefined && hasMore && <a href="#/history">All plans</a>}
      {most === undefined && past.hasOlder.value && (
        <button type="button" onClick={() => past.older()} disabled={past.isReading.value}>
          {past.isReading.value ? "Reading …" : "Show older plans"}
        </button>
      )}
    </section>
  );
}

const SIGNS: Record<string, string> = { completed: "✓", stopped: "■" };

function HistoryRow({ item }: { item: HistoryItem }) {
  const model = useModel();
  const { zone, now } = model.clock.value;
  const { result } = item;
  const isBad = hasFailed(item);
  const why = isBad ? reason(result) : "";
  const again = () => {
    model.composer.again(item);
    location.hash = "#/now";
  };
  const mayAdd = model.actions.may("write:queue:edit");
  const button = (
    <button type="button" class="quiet" onClick={again}>
      Run again…
    </button>
  );
  const who = result.ended_by ? ` by ${shownUser(result.ended_by)}` : "";
  return (
    <tr class={isBad ? "badrow" : ""}>
      <td class="n">{result.time_start ? zone.moment(result.time_start, now) : "–"}</td>
      <td>
        <span class={isBad ? "bad" : "good"}>
          <span aria-hidden="true">{SIGNS[result.exit_status] ?? "✕"} </span>
          {result.exit_status}
          {who}
        </span>{" "}
        <span class="call">{planText(item, model.devices.value)}</span>
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
