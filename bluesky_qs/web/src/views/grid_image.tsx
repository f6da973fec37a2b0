/** Shows a grid scan's field as an image, with the latest value at each point. */

import { useLayoutEffect, useRef } from "preact/hooks";
import type { Run } from "../model/runs";

interface Cells {
  values: Float64Array;
  low: number;
  high: number;
  x: [number, number];
  y: [number, number];
}

export function GridImage({ run, field }: { run: Run; field: string }) {
  const changes = run.changes.value;
  const canvas = useRef<HTMLCanvasElement>(null);
  const grid = run.grid;
  const cells = grid && cellsOf(run, field, grid);
  useLayoutEffect(() => {
    if (canvas.current && grid && cells) paint(canvas.current, cells, grid.rows, grid.columns);
  }, [changes, field]);
  if (!grid || !cells) return null;
  const titled = (name: string) => {
    const units = run.fields.find((each) => each.name === name)?.units;
    return units ? `${name} (${units})` : name;
  };
  const shown = (value: number) => (Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "–");
  return (
    <div class="image">
      <span class="y">
        <span>{shown(cells.y[1])}</span>
        <span class="name">{titled(grid.slow)}</span>
        <span>{shown(cells.y[0])}</span>
      </span>
      <canvas ref={canvas} role="img" aria-label={`${field} over ${grid.fast} and ${grid.slow}`} />
      <span class="x">
        <span>{shown(cells.x[0])}</span>
        <span>{titled(grid.fast)}</span>
        <span>{shown(cells.x[1])}</span>
      </span>
      <span class="scale">
        {titled(field)}: <span class="n">{shown(cells.low)}</span>
        <span class="ramp" aria-hidden="true" />
        <span class="n">{shown(cells.high)}</span>
      </span>
    </div>
  );
}

export function cellsOf(run: Run, field: string, grid: NonNullable<Run["grid"]>): Cells {
  const number = (value: unknown) => (typeof value === "number" ? value : Number.NaN);
  const points = run.points.map(({ data }) => ({
    x: number(data[grid.fast]),
    y: number(data[grid.slow]),
    value: number(data[field]),
  }));
  const whole = points.filter(({ x, y, value }) => !Number.isNaN(x + y + value));
  const extent = axisExtents(run, grid, whole);
  const values = new Float64Array(grid.rows * grid.columns).fill(Number.NaN);
  for (const { x, y, value } of whole) {
    values[place(y, extent.y, grid.rows) * grid.columns + place(x, extent.x, grid.columns)] = value;
  }
  const known = whole.map((point) => point.value);
  return { values, low: least(known), high: -least(known.map((value) => -value)), ...extent };
}

/** The range of each axis, as announced by the plan, or else of the points so far. */
function axisExtents(run: Run, grid: NonNullable<Run["grid"]>, points: { x: number; y: number }[]) {
  const extents = Array.isArray(run.start.extents) ? run.start.extents : [];
  const announced = (at: number): [number, number] | null => {
    const pair = extents[at];
    return Array.isArray(pair) && pair.every((each) => typeof each === "number")
      ? [Math.min(...pair), Math.max(...pair)]
      : null;
  };
  const reached = (values: number[]): [number, number] => [least(values), -least(values.map((value) => -value))];
  return {
    y: (grid.rows > 1 && announced(0)) || reached(points.map((point) => point.y)),
    x: (grid.columns > 1 && announced(1)) || reached(points.map((point) => point.x)),
  };
}

function place(value: number, [low, high]: [number, number], count: number): number {
  if (!(high > low)) return 0;
  return Math.min(Math.max(Math.round(((value - low) / (high - low)) * (count - 1)), 0), count - 1);
}

function least(values: number[]): number {
  return values.reduce((a, b) => Math.min(a, b), values[0] ?? Number.NaN);
}

function paint(canvas: HTMLCanvasElement, cells: Cells, rows: number, columns: number): void {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  if (!context) return;
  const image = context.createImageData(columns, rows);
  cells.values.forEach((value, at) => {
    if (Number.isNaN(value)) return; // not measured yet, so the background stays visible
    const share = cells.high > cells.low ? (value - cells.low) / (cells.high - cells.low) : 0.5;
    const flipped = (rows - 1 - Math.floor(at / columns)) * columns + (at % columns);
    image.data.set([...shade(share), 255], flipped * 4);
  });
  context.putImageData(image, 0, 0);
}

/** Dark blue to yellow: brightness increases with the value. The style sheet uses the same colors for the scale. */
const SHADES = [
  [40, 30, 92],
  [44, 84, 140],
  [33, 140, 141],
  [92, 196, 98],
  [250, 226, 60],
] as const;

function shade(share: number): [number, number, number] {
  const place = Math.min(Math.max(share, 0), 1) * (SHADES.length - 1);
  const low = SHADES[Math.min(Math.floor(place), SHADES.length - 2)] as readonly number[];
  const high = SHADES[Math.min(Math.floor(place), SHADES.length - 2) + 1] as readonly number[];
  const part = place - Math.min(Math.floor(place), SHADES.length - 2);
  return low.map((from, at) => Math.round(from + ((high[at] as number) - from) * part)) as [number, number, number];
}
