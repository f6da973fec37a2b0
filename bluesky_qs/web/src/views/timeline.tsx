/** Shows plans along a time axis. Users zoom by dragging, with buttons, or with keys. */

import { type ReadonlySignal, useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Past } from "../model/past";
import { planText } from "../words/plan";
import { hasFailed, reason } from "../words/results";
import { type Bar, barsOf, gapsOf, lastShift, moved, type Period, ticksOf, whole, zoomed } from "../words/timeline";
import { lengthOfTime } from "../words/times";
import { linkTo } from "./address";
import { useModel } from "./app";
import { useDragZoom } from "./drag_zoom";

const CLOSER = 0.5;
const FARTHER = 2;
/** One step moves the view by this fraction of its length. */
const STEP = 0.5;
/** Labels closer to an end than this fraction of the width would be cut off. */
const EDGE = 0.1;
/** A gap wider than this fraction of the width has room for a label. */
const ROOM = 0.12;

/** `isAll` is true if there is no filter. Only then does a gap mean that nothing ran. */
export function Timeline({ past, isAll }: { past: Past; isAll: boolean }) {
  const items = past.items.value;
  const bars = useMemo(() => barsOf(items), [items]);
  const all = useMemo(() => whole(bars), [bars]);
  if (!all) return null;
  return <Shown bars={bars} all={all} isAll={isAll} />;
}

interface Props {
  bars: readonly Bar[];
  all: Period;
  isAll: boolean;
}

function Shown({ bars, all, isAll }: Props) {
  const chosen = useSignal<Period | null>(null);
  const current = useSignal<string | null>(null);
  const shown = chosen.value ?? lastShift(all);
  const view = {
    shown,
    show: (period: Period | null) => {
      chosen.value = period;
    },
    zoom: (factor: number, around = (shown.from + shown.to) / 2) => {
      chosen.value = zoomed(shown, factor, around, all);
    },
    move: (part: number) => {
      chosen.value = moved(shown, part, all);
    },
    all,
  };
  const bar = bars.find((each) => each.item.item_uid === current.value);
  return (
    <section class="timeline" aria-labelledby="timeline-title">
      <h2 id="timeline-title">
        Timeline
        <PeriodText period={shown} />
        <ZoomButtons view={view} />
      </h2>
      <Track bars={bars} view={view} current={current} isAll={isAll} />
      <Ticks period={shown} />
      <p class="meta about">{bar ? <BarText bar={bar} /> : KEYS}</p>
    </section>
  );
}

const KEYS = "← → choose a plan, + and − zoom, 0 shows all, Enter opens the plan. Or drag over the plans to zoom in.";

interface View {
  shown: Period;
  all: Period;
  show: (period: Period | null) => void;
  zoom: (factor: number, around?: number) => void;
  move: (part: number) => void;
}

function PeriodText({ period }: { period: Period }) {
  const { zone, now } = useModel().clock.value;
  return <span>{`${zone.moment(period.from, now)} to ${zone.moment(period.to, now)}`}</span>;
}

function ZoomButtons({ view }: { view: View }) {
  const buttons: [string, string, () => void][] = [
    ["‹", "Earlier", () => view.move(-STEP)],
    ["›", "Later", () => view.move(STEP)],
    ["+", "Zoom in", () => view.zoom(CLOSER)],
    ["−", "Zoom out", () => view.zoom(FARTHER)],
    ["All", "Show all", () => view.show(view.all)],
  ];
  return (
    <span class="zoom">
      {buttons.map(([sign, label, press]) => (
        <button key={label} type="button" class="quiet" aria-label={label} onClick={press}>
          {sign}
        </button>
      ))}
    </span>
  );
}

interface TrackProps {
  bars: readonly Bar[];
  view: View;
  current: { value: string | null };
  isAll: boolean;
}

function Track({ bars, view, current, isAll }: TrackProps) {
  const model = useModel();
  const box = useRef<HTMLDivElement>(null);
  const pauses = usePauses(bars.length);
  const { shown } = view;
  const at = placed(shown);
  const seen = bars.filter((bar) => bar.to >= shown.from && bar.from <= shown.to);
  // A filter may hide the plan that was paused.
  const isSeen = (pause: Period) => seen.some((bar) => pause.from < bar.to && pause.to > bar.from);
  const stop = seen.find((bar) => bar.item.item_uid === current.value) ?? seen.at(-1);
  const drag = useDragZoom(box, (from, to) => {
    const length = shown.to - shown.from;
    const dragged = { from: shown.from + from * length, to: shown.from + to * length };
    view.show(zoomed(dragged, 1, (dragged.from + dragged.to) / 2, view.all));
  });
  const go = (bar: Bar | undefined) => {
    if (!bar) return;
    current.value = bar.item.item_uid;
    if (bar.from < shown.from || bar.to > shown.to) view.show(around(bar, shown, view.all));
    requestAnimationFrame(() => box.current?.querySelector<HTMLElement>("[tabindex='0']")?.focus());
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const place = stop ? bars.indexOf(stop) : -1;
    const middle = stop && current.value ? (stop.from + stop.to) / 2 : undefined;
    const keys: Record<string, () => void> = {
      ArrowLeft: () => go(bars[place - 1]),
      ArrowRight: () => go(bars[place + 1]),
      Home: () => go(bars[0]),
      End: () => go(bars.at(-1)),
      "+": () => view.zoom(CLOSER, middle),
      "=": () => view.zoom(CLOSER, middle),
      "-": () => view.zoom(FARTHER, middle),
      "0": () => view.show(view.all),
      PageUp: () => view.move(-STEP),
      PageDown: () => view.move(STEP),
    };
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for forms
    <div
      class="track"
      ref={box}
      role="group"
      aria-label="Plans by time"
      onKeyDown={onKeyDown}
      onDblClick={() => view.show(view.all)}
      {...drag.handlers}
    >
      {gapsOf(bars).map((gap) => (
        <span key={gap.from} class="gap" style={at(gap)}>
          {(gap.to - gap.from) / (shown.to - shown.from) > ROOM &&
            `${isAll ? "nothing ran for" : "no match for"} ${lengthOfTime(gap.to - gap.from)}`}
        </span>
      ))}
      {seen.map((bar) => {
        const { item } = bar;
        const isBad = hasFailed(item);
        return (
          <a
            key={item.item_uid}
            class={`bar ${isBad ? "failed" : item.result.exit_status}`}
            href={linkTo("item", item.item_uid)}
            draggable={false}
            tabIndex={bar === stop ? 0 : -1}
            aria-label={barText(bar, planText(item, model.devices.value))}
            style={at(bar)}
            onFocus={() => {
              current.value = item.item_uid;
            }}
            onPointerEnter={() => {
              current.value = item.item_uid;
            }}
          >
            {isBad && <span aria-hidden="true">✕</span>}
          </a>
        );
      })}
      {pauses.value.filter(isSeen).map((pause) => (
        <span key={pause.from} class="pause" style={at(pause)} />
      ))}
      {drag.period.value && (
        <span
          class="selected"
          style={{ left: `${drag.period.value.from * 100}%`, right: `${100 - drag.period.value.to * 100}%` }}
        />
      )}
    </div>
  );
}

/** A period with the bar in its middle, at least as long as the current period. */
function around(bar: Period, shown: Period, all: Period): Period {
  const length = Math.max(shown.to - shown.from, (bar.to - bar.from) * 1.2);
  const middle = (bar.from + bar.to) / 2;
  return zoomed({ from: middle - length / 2, to: middle + length / 2 }, 1, middle, all);
}

function placed(shown: Period): (part: Period) => { left: string; right: string } {
  const length = shown.to - shown.from;
  const percent = (time: number) => Math.min(Math.max(((time - shown.from) / length) * 100, 0), 100);
  return ({ from, to }) => ({ left: `${percent(from)}%`, right: `${100 - percent(to)}%` });
}

/** `count([det1]), failed, took 12 s, including 5.0 s of pauses`. */
function barText({ item, from, to }: Bar, call: string): string {
  const { time_paused: paused, exit_status: ending } = item.result;
  const time = `took ${lengthOfTime(to - from)}`;
  return [call, ending, time, paused ? `including ${lengthOfTime(paused)} of pauses` : ""].filter(Boolean).join(", ");
}

function BarText({ bar }: { bar: Bar }) {
  const model = useModel();
  const { zone, now } = model.clock.value;
  const why = hasFailed(bar.item) ? reason(bar.item.result) : "";
  return (
    <>
      <b>{zone.moment(bar.from, now)}</b> {barText(bar, planText(bar.item, model.devices.value))}
      {why && <span class="bad">: {why}</span>}
    </>
  );
}

function Ticks({ period }: { period: Period }) {
  const { zone, now } = useModel().clock.value;
  const { times, step } = ticksOf(period, zone);
  const part = (time: number) => (time - period.from) / (period.to - period.from);
  const labeled = times.filter((time) => part(time) >= EDGE && part(time) <= 1 - EDGE);
  return (
    <div class="ticks" aria-hidden="true">
      {labeled.map((time) => (
        <span key={time} style={{ left: `${part(time) * 100}%` }}>
          {step < 60 ? zone.moment(time, now) : zone.clock(time, now)}
        </span>
      ))}
    </div>
  );
}

/** The pauses. They are read again when the number of bars changes. */
function usePauses(count: number): ReadonlySignal<readonly Period[]> {
  const model = useModel();
  const pauses = useMemo(() => model.newPauses(), [model]);
  useEffect(() => pauses.look(), [pauses, count]);
  return useComputed(() => pauses.periods.value);
}
