/** Saves the selected part of the history as a file. */

import { useSignal } from "@preact/signals";
import type { HistoryFilter } from "../model/history_filter";
import type { HistoryItem } from "../source/source";
import { asCsv, asJson, asLines } from "../words/export";
import { useModel } from "./app";
import { save } from "./save";

const LINES = "plans.txt";

export function ExportButtons({ filter }: { filter: HistoryFilter }) {
  const model = useModel();
  const isBusy = useSignal(false);
  const problem = useSignal("");
  const run = async (name: string, text: (items: HistoryItem[]) => string) => {
    isBusy.value = true;
    problem.value = "";
    try {
      save(name, text(await model.readAll(filter)));
    } catch (error) {
      problem.value = `Not saved: ${error instanceof Error ? error.message : String(error)}`;
    } finally {
      isBusy.value = false;
    }
  };
  const known = model.devices.value;
  const { zone } = model.clock.value;
  const kinds: [string, string, (items: HistoryItem[]) => string][] = [
    ["CSV", "history.csv", (items) => asCsv(items, known, zone)],
    ["JSON", "history.json", asJson],
    ["%qs lines", LINES, (items) => asLines(items, known, LINES)],
  ];
  return (
    <fieldset class="export">
      <legend class="unseen">Save all that match</legend>
      <span class="meta" aria-hidden="true">
        {isBusy.value ? "Reading …" : "Save as"}
      </span>
      {kinds.map(([title, name, text]) => (
        <button
          key={name}
          type="button"
          class="quiet"
          aria-label={`Save as ${title}`}
          disabled={isBusy.value}
          onClick={() => void run(name, text)}
        >
          {title}
        </button>
      ))}
      <span class="bad" role="status">
        {problem.value}
      </span>
    </fieldset>
  );
}
