/** The live table: the latest readings of a run, newest at the bottom. */

import { useLayoutEffect, useRef } from "preact/hooks";
import type { Field, Run } from "../model/runs";
import { numberText } from "../words/numbers";
import { useModel } from "./app";

/** Maximum number of rows. The plot shows older points. */
const ROWS = 100;

export function ReadingsTable({ run }: { run: Run }) {
  const { zone, now } = useModel().clock.peek();
  const changes = run.changes.value;
  const box = useRef<HTMLElement>(null);
  const isAtEnd = useRef(true);
  useLayoutEffect(() => {
    if (box.current && isAtEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [changes]);
  const names = [...run.along, ...run.read];
  const fields = names
    .map((name) => run.fields.find((field) => field.name === name))
    .filter((field) => field !== undefined);
  const shown = run.points.slice(-ROWS);
  const scrolled = () => {
    const element = box.current;
    if (element) isAtEnd.current = element.scrollTop + element.clientHeight > element.scrollHeight - 30;
  };
  return (
    <section
      class="readings"
      ref={box}
      aria-label={`Readings of ${run.name}`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: so that keys can scroll it
      tabIndex={0}
      onScroll={scrolled}
    >
      <table>
        <thead>
          <tr>
            <th class="n">#</th>
            <th class="n">Time</th>
            {fields.map((field) => (
              <th key={field.name} class="n">
                {field.name}
                {field.units ? ` (${field.units})` : ""}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((point) => (
            <tr key={point.number}>
              <td class="n">{point.number}</td>
              <td class="n">{point.time ? zone.moment(point.time, now) : ""}</td>
              {fields.map((field) => (
                <td key={field.name} class="n">
                  <b>{shownValue(point.data[field.name], field)}</b>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

export function shownValue(value: unknown, field: Field): string {
  if (typeof value !== "number") return value === null || value === undefined ? "–" : String(value);
  const { precision } = field;
  const isDecimal = precision !== null && !Number.isInteger(value) && Math.abs(value) >= 10 ** -precision;
  return isDecimal ? value.toFixed(precision) : numberText(value);
}
