/** Readings against the moved device, or against the number of the point. */

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { Run } from "../model/runs";

const HEIGHT = 0.56;
/** Tokens of the style sheet: curves differ by color and by their points' shape in the legend. */
const COLORS = ["--curve-1", "--curve-2", "--curve-3", "--curve-4"];
const DASHES = [[], [6, 4], [2, 3], [8, 3, 2, 3]];

export function Curves({ run, fields, isLog }: { run: Run; fields: string[]; isLog: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const along = run.along.length === 1 || run.grid ? (run.grid?.fast ?? run.along[0]) : run.along[0];
  const shape = [along, isLog, ...fields].join("|");
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(element, run, along, fields, isLog), data(run, along, fields, isLog), element);
    };
    draw();
    const observer = new ResizeObserver(() => plot.current?.setSize(size(element)));
    observer.observe(element);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    return () => {
      observer.disconnect();
      scheme.removeEventListener("change", draw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(data(run, along, fields, isLog)), [run.points.length, shape]);
  const label = `${fields.join(", ")} against ${along ?? "the number of the point"}, ${run.points.length} points`;
  return <div class="curves" ref={box} role="img" aria-label={label} />;
}

function data(run: Run, along: string | undefined, fields: string[], isLog: boolean): uPlot.AlignedData {
  const number = (value: unknown) => (typeof value === "number" ? value : null);
  const positive = (value: number | null) => (isLog && value !== null && value <= 0 ? null : value);
  const points = run.points
    .map((point) => ({ x: along ? number(point.data[along]) : point.number, data: point.data }))
    .filter((point): point is { x: number; data: Record<string, unknown> } => point.x !== null)
    .sort((a, b) => a.x - b.x); // uPlot wants them in order
  return [
    points.map((point) => point.x),
    ...fields.map((field) => points.map((each) => positive(number(each.data[field])))),
  ];
}

function size(element: HTMLElement): { width: number; height: number } {
  const width = element.clientWidth;
  return { width, height: Math.round(Math.min(Math.max(width * HEIGHT, 180), innerHeight * 0.5)) };
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
    grid: { stroke: token("--line") },
    ticks: { show: false },
  };
  return {
    ...size(element),
    scales: { x: { time: false }, y: { distr: isLog ? 3 : 1 } },
    axes: [
      { ...axis, label: along ? titled(along) : "point", size: fontSize * 2.2, labelSize: fontSize * 1.6 },
      { ...axis, size: fontSize * 4.4 },
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
    legend: { live: true },
    cursor: { drag: { x: true, y: false } },
  } satisfies uPlot.Options;
}
