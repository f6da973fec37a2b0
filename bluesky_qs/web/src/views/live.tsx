/** A plan's readings as curves, a grid image, and a table. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import type { Field, Point, Run, Runs } from "../model/runs";
import { useModel } from "./app";
import { COLORS, Curves, DASHES } from "./curves";
import { GridImage } from "./grid_image";
import { ReadingsTable, shownValue } from "./readings_table";

type Kind = "image" | "curves" | "table";

export function LivePanel() {
  const model = useModel();
  useEffect(() => model.runs.begin(), [model]);
  const runs = model.runs.runs.value;
  const run = runs.findLast((each) => each.changes.value > 0 && each.points.length > 0) ?? runs.at(-1);
  const problem = model.runs.problem.value;
  if (!run) {
    return (
      <section aria-labelledby="live-title">
        <h2 id="live-title">Live</h2>
        {problem ? <Unread problem={problem} /> : <p class="meta none">No measurement yet.</p>}
      </section>
    );
  }
  return <RunPanel key={String(run.start.uid)} run={run} problem={problem} />;
}

/** The runs of one item. If there are none, the reason is shown. */
export function ItemRuns({ runs, none }: { runs: Runs; none: string }) {
  const chosen = useSignal<string | null>(null);
  const found = runs.runs.value;
  const problem = runs.problem.value;
  const run = found.find((each) => String(each.start.uid) === chosen.value) ?? found.at(-1);
  if (!run) {
    return (
      <section aria-labelledby="live-title">
        <h2 id="live-title">Data</h2>
        {problem ? <p class="warn">⚠ {problem}</p> : <p class="meta none">{none}</p>}
      </section>
    );
  }
  return (
    <RunPanel key={String(run.start.uid)} run={run} problem={problem} ended="Data">
      {found.length > 1 && (
        <div class="fields">
          {found.map((each) => (
            <button
              key={String(each.start.uid)}
              type="button"
              class="tab"
              aria-pressed={each === run}
              onClick={() => {
                chosen.value = String(each.start.uid);
              }}
            >
              {each.name}
            </button>
          ))}
        </div>
      )}
    </RunPanel>
  );
}

/** A note that earlier readings are missing, with the reason. */
function Unread({ problem }: { problem: string }) {
  return <p class="bad">✕ The earlier readings could not be read: {problem}</p>;
}

interface RunProps {
  run: Run;
  problem: string;
  /** The heading's text before the name of a run that has ended. */
  ended?: string;
  /** The content below the heading. */
  children?: ComponentChildren;
}

function RunPanel({ run, problem, ended = "Last", children }: RunProps) {
  run.changes.value; // the run has changed: draw it again
  const chosen = useSignal<Kind | null>(null);
  const fields = useSignal<string[] | null>(null);
  const isLog = useSignal(false);
  const point = useSignal<Point | null>(null);
  const kinds: Kind[] = run.grid ? ["image", "curves", "table"] : ["curves", "table"];
  const kind = chosen.value ?? (kinds[0] as Kind);
  const shown = fields.value ?? run.chosen;
  const toggle = (field: string) => {
    fields.value = shown.includes(field) ? shown.filter((each) => each !== field) : [...shown, field];
  };
  const hover = (found: Point | null) => {
    point.value = found;
  };
  return (
    <section class="plot" aria-labelledby="live-title">
      <h2 id="live-title">
        {run.isOpen ? "Live" : ended} · {run.name}
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
      {children}
      {problem && <Unread problem={problem} />}
      {kind === "table" && <ReadingsTable run={run} />}
      {kind !== "table" && run.read.length === 0 && (
        <p class="meta none">
          {run.fields.length > 0 ? "The plan reads no numbers." : run.isOpen ? "No readings yet." : "No readings."}
        </p>
      )}
      {kind === "curves" && shown.length > 0 && <Curves run={run} fields={shown} isLog={isLog.value} onPoint={hover} />}
      {kind === "image" && shown[0] && <GridImage run={run} field={shown[0]} />}
      {kind !== "table" && run.numbers.length > 0 && (
        <div class="fields">
          {run.numbers
            .filter((field) => !run.along.includes(field))
            .map((field) => (
              <FieldButton
                key={field}
                field={field}
                described={run.fields.find((each) => each.name === field)}
                curve={kind === "curves" ? shown.indexOf(field) : -1}
                isShown={kind === "image" ? shown[0] === field : shown.includes(field)}
                value={(point.value ?? run.points.at(-1))?.data[field]}
                choose={() => {
                  if (kind === "image") fields.value = [field];
                  else toggle(field);
                }}
              />
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

interface FieldProps {
  field: string;
  /** The index of the field's curve; -1 if there is none. */
  curve: number;
  isShown: boolean;
  value: unknown;
  described: Field | undefined;
  choose: () => void;
}

/** A button that selects a field. It shows the field's value at the mouse, or the latest value. */
function FieldButton({ field, curve, isShown, value, described, choose }: FieldProps) {
  return (
    <button type="button" class="tab" aria-pressed={isShown} onClick={choose}>
      {curve >= 0 && <Swatch curve={curve} />}
      {field} {described && <b class="value">{shownValue(value, described)}</b>}
      {described?.units && ` ${described.units}`}
    </button>
  );
}

/** A sample of the curve's line. */
function Swatch({ curve }: { curve: number }) {
  return (
    <svg class="swatch" viewBox="0 0 20 8" aria-hidden="true">
      <line
        x1="0"
        x2="20"
        y1="4"
        y2="4"
        stroke={`var(${COLORS[curve % COLORS.length]})`}
        stroke-width="2.5"
        stroke-dasharray={DASHES[curve % DASHES.length]?.join(" ")}
      />
    </svg>
  );
}
