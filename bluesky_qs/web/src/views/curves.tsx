/** Plots readings against the moved device or the point number. */

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { Point, Run } from "../model/runs";
import { onSchemeChange } from "./root";

const HEIGHT = 0.56;
/** Style sheet variables. Curves differ in color and dashes. */
export const COLORS = ["--curve-1", "--curve-2", "--curve-3", "--curve-4"];
export const DASHES = [[], [6, 4], [2, 3], [8, 3, 2, 3]];

interface Props {
  run: Run;
  fields: string[];
  isLog: boolean;
  /** Called with the point nearest to the mouse, or null. */
  onPoint: (point: Point | null) => void;
}

export function Curves({ run, fields, isLog, onPoint }: Props) {
  const changes = run.changes.value;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const along = run.grid?.fast ?? run.along[0];
  const shape = [along, isLog, ...fields].join("|");
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const draw = () => {
      plot.current?.destroy();
      const shown = options(element, run, along, fields, isLog);
      const hooks = { setCursor: [(at: uPlot) => onPoint(pointAt(run, along, at.cursor.idx))] };
      plot.current = new uPlot({ ...shown, hooks }, data(run, along, fields, isLog), element);
    };
    draw();
    const observer = new ResizeObserver(() => plot.current?.setSize(size(element)));
    observer.observe(element);
    const stop = onSchemeChange(element, draw);
    return () => {
      observer.disconnect();
      stop();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(data(run, along, fields, isLog)), [changes, shape]);
  const label = `${fields.join(", ")} against ${along ?? "the point number"}, ${run.points.length} points`;
  return <div class="curves" ref={box} role="img" aria-label={label} />;
}

function data(run: Run, along: string | undefined, fields: string[], isLog: boolean): uPlot.AlignedData {
  const number = (value: unknown) => (typeof value === "number" ? value : null);
  const positive = (value: number | null) => (isLog && value !== null && value <= 0 ? null : value);
  const points = sorted(run, along);
  return [
    points.map((point) => point.x),
    ...fields.map((field) => points.map((each) => positive(number(each.data[field])))),
  ];
}

/** The points sorted along the axis, as uPlot requires. */
function sorted(run: Run, along: string | undefined): (Point & { x: number })[] {
  const placed = run.points.map((point) => ({ ...point, x: along ? point.data[along] : point.number }));
  return placed
    .filter((point): point is Point & { x: number } => typeof point.x === "number")
    .sort((a, b) => a.x - b.x);
}

function pointAt(run: Run, along: string | undefined, index: number | null | undefined): Point | null {
  return typeof index === "number" ? (sorted(run, along)[index] ?? null) : null;
}

function size(element: HTMLElement): { width: number; height: number } {
  const width = element.clientWidth;
  return { width, height: Math.round(Math.min(Math.max(width * HEIGHT, 180), innerHeight * 0.4)) };
}

function options(element: HTMLElement, run: Run, along: string | undefined, fields: string[], isLog: boolean) {
  const style = getComputedStyle(element);
  const token = (name: string) => style.getPropertyValue(name).trim();
  const font = `${style.fontSize} ${style.fontFamily}`;
  const fontSize = Number.parseFloat(style.fontSize);
  const titled = (name: string) => {
    const units = run.fields.find((field) => field.name === name)?.units;
    return units ? `${name} (${units})` : name;
  };
  const axis = {
    stroke: token("--dim"),
    font,
    labelFont: font,
    grid: { stroke: token("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    ...size(element),
    scales: { x: { time: false }, y: { distr: isLog ? 3 : 1 } },
    axes: [
      {
        ...axis,
        label: along ? titled(along) : "point",
        size: fontSize * 2.2,
        labelSize: fontSize * 1.6,
        space: fontSize * 5,
      },
      { ...axis, size: fontSize * 4.4, space: fontSize * 2.2 },
    ],
    series: [
      { label: along ? titled(along) : "point" },
      ...fields.map((field, at) => ({
        label: titled(field),
        stroke: token(COLORS[at % COLORS.length] as string),
        width: 1.6,
        dash: DASHES[at % DASHES.length] ?? [],
        points: { show: run.points.length < 300, size: 5 },
        spanGaps: true,
      })),
    ],
    legend: { show: false },
    cursor: { drag: { x: true, y: false } },
  } satisfies uPlot.Options;
}
