/** What the running plan measures: curves, an image of a grid, and the table of the readings. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Run } from "../model/runs";
import { useModel } from "./app";
import { Curves } from "./curves";
import { GridImage } from "./grid_image";
import { ReadingsTable } from "./readings_table";

type Kind = "image" | "curves" | "table";

export function LivePanel() {
  const model = useModel();
  useEffect(() => model.runs.begin(), [model]);
  const runs = model.runs.runs.value;
  const run = runs.findLast((each) => each.points.length > 0) ?? runs.at(-1);
  if (!run) {
    return (
      <section aria-labelledby="live-title">
        <h2 id="live-title">Live</h2>
        <p class="meta none">No measurement yet.</p>
      </section>
    );
  }
  return <RunPanel key={String(run.start.uid)} run={run} />;
}

function RunPanel({ run }: { run: Run }) {
  const chosen = useSignal<Kind | null>(null);
  const fields = useSignal<string[] | null>(null);
  const isLog = useSignal(false);
  const kinds: Kind[] = run.grid ? ["image", "curves", "table"] : ["curves", "table"];
  const kind = chosen.value ?? (kinds[0] as Kind);
  const shown = fields.value ?? run.chosen;
  const toggle = (field: string) => {
    fields.value = shown.includes(field) ? shown.filter((each) => each !== field) : [...shown, field];
  };
  return (
    <section class="plot" aria-labelledby="live-title">
      <h2 id="live-title">
        {run.isOpen ? "Live" : "Last"} · {run.name}
        <span class="tabs">
          {kinds.map((each) => (
            <button
              key={each}
              type="button"
              class="tab"
              aria-pressed={kind === each}
              onClick={() => {
                chosen.value = each;
              }}
            >
              {each}
            </button>
          ))}
        </span>
      </h2>
      {kind === "table" && <ReadingsTable run={run} />}
      {kind !== "table" && run.read.length === 0 && <p class="meta none">The plan reads no numbers.</p>}
      {kind === "curves" && shown.length > 0 && <Curves run={run} fields={shown} isLog={isLog.value} />}
      {kind === "image" && shown[0] && <GridImage run={run} field={shown[0]} />}
      {kind !== "table" && run.numbers.length > 0 && (
        <div class="fields">
          {run.numbers
            .filter((field) => !run.along.includes(field))
            .map((field) => (
              <button
                key={field}
                type="button"
                class="tab"
                aria-pressed={kind === "image" ? shown[0] === field : shown.includes(field)}
                onClick={() => {
                  if (kind === "image") fields.value = [field];
                  else toggle(field);
                }}
              >
                {field}
              </button>
            ))}
          {kind === "curves" && (
            <button
              type="button"
              class="tab"
              aria-pressed={isLog.value}
              onClick={() => {
                isLog.value = !isLog.value;
              }}
            >
              log axis
            </button>
          )}
        </div>
      )}
    </section>
  );
}
