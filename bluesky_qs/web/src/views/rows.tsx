/** A list that renders only the visible rows, so that ten thousand rows scroll smoothly. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { Selection } from "../model/selection";
import { type Drag, useDragging } from "./dragging";
import type { Command } from "./queue_keys";
import { putInFront } from "./root";
import { clicked, pressed } from "./selecting";

/** Number of extra rows above and below the visible ones. */
const SPARE = 8;

interface Props<T> {
  label: string;
  rows: readonly T[];
  id: (row: T) => string;
  /** The number of lines in a row, which determines its height. */
  lines: (row: T) => number;
  selection: Selection;
  /** Called with the uids of the rendered rows, and with null when the list is removed. */
  onSeen: (uids: readonly string[] | null) => void;
  /** Called for keys other than those for moving and selecting. */
  onCommand: (command: Command) => void;
  /** Called after rows have been dragged to another place; undefined if rows cannot be dragged. */
  onDrop: ((drag: Drag) => void) | undefined;
  /** The label that follows the pointer during a drag. */
  dragged: (drag: Drag) => ComponentChildren;
  children: (row: T, at: number, isOpen: boolean) => ComponentChildren;
}

export function Rows<T>(props: Props<T>) {
  const { label, rows, id, selection } = props;
  const box = useRef<HTMLDivElement>(null);
  const open = useSignal<string | null>(null);
  const order = useMemo(() => rows.map(id), [rows]);
  const { tops, first, last, heightAt } = useHeights(props, box, open);
  const placeAt = (y: number) => between(tops, y);
  const drop = (drag: Drag) => props.onDrop?.(drag);
  const dragging = useDragging({ box, order, selection, placeAt, drop }, props.onDrop !== undefined);
  useEffect(() => props.onSeen(order.slice(first, last)), [order, first, last]);
  useEffect(() => () => props.onSeen(null), []);

  const reveal = (uid: string) => {
    const at = selection.place(uid);
    if (box.current && at >= 0) scrollTo(box.current, tops[at] as number, tops[at + 1] as number);
  };
  const list = { selection, open, reveal, onCommand: props.onCommand };
  const name = `row-${label.replace(/\W+/g, "-")}`;
  const at = selection.place(selection.current.value);
  const drag = dragging.drag.value;
  return (
    <>
      <div
        class={`rows${drag ? " dragging" : ""}`}
        ref={box}
        tabIndex={0}
        role="listbox"
        aria-label={label}
        aria-multiselectable="true"
        aria-activedescendant={at >= first && at < last ? `${name}-${at}` : undefined}
        onKeyDown={(event) => pressed(event, list)}
      >
        <div class="height" role="presentation" style={{ height: `${tops[rows.length]}px` }}>
          {rows.slice(first, last).map((row, offset) => {
            const uid = id(row);
            const place = first + offset;
            const isOpen = open.value === uid;
            return (
              <Row
                key={uid}
                id={`${name}-${place}`}
                marks={[isOpen && "open", at === place && "current", drag?.uids.includes(uid) && "moving"]}
                isChosen={selection.chosen.value.has(uid)}
                place={place}
                count={rows.length}
                top={tops[place] as number}
                height={isOpen ? null : heightAt(place)}
                focusList={() => box.current?.focus({ preventScroll: true })}
                onPointerDown={(event) => dragging.onPointerDown(event, uid)}
                onClick={(event) => !dragging.wasDragged() && clicked(event, uid, list)}
              >
                {props.children(row, place, isOpen)}
              </Row>
            );
          })}
          {drag && <div class="drop-line" role="presentation" style={{ top: `${tops[drag.to]}px` }} />}
        </div>
      </div>
      {drag && (
        <div
          ref={putInFront}
          class="dragged"
          popover="manual"
          aria-hidden="true"
          style={{ left: `${drag.x}px`, top: `${drag.y}px` }}
        >
          {props.dragged(drag)}
        </div>
      )}
    </>
  );
}

interface RowProps {
  id: string;
  marks: (string | false | undefined)[];
  isChosen: boolean;
  place: number;
  count: number;
  top: number;
  /** Height in pixels; null for the expanded row, whose height depends on its content. */
  height: number | null;
  focusList: () => void;
  onPointerDown: (event: PointerEvent) => void;
  onClick: (event: MouseEvent) => void;
  children: ComponentChildren;
}

function Row({ id, marks, isChosen, place, count, top, height, children, ...on }: RowProps) {
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list handles the keys
    <div
      id={id}
      class={["row", ...marks].filter(Boolean).join(" ")}
      role="option"
      tabIndex={-1}
      aria-selected={isChosen}
      aria-setsize={count}
      aria-posinset={place + 1}
      data-open={height === null || undefined}
      style={{ top: `${top}px`, height: height === null ? undefined : `${height}px` }}
      onPointerDown={on.onPointerDown}
      onMouseDown={(event) => {
        event.preventDefault(); // the list gets the focus, because a row may be removed
        on.focusList();
      }}
      onClick={on.onClick}
    >
      {children}
    </div>
  );
}

/** The positions of the rows, and which ones are visible. */
function useHeights<T>(
  { rows, id, lines }: Props<T>,
  box: { current: HTMLElement | null },
  open: { value: string | null },
) {
  const seen = useSignal({ top: 0, height: 800 });
  const openHeight = useSignal(0);
  const unit = useLine(box);
  const heightAt = (place: number) => heightOf(lines(rows[place] as T), unit);
  const tops = useMemo(() => {
    const found = new Float64Array(rows.length + 1);
    rows.forEach((row, at) => {
      const height = open.value === id(row) && openHeight.value ? openHeight.value : heightAt(at);
      found[at + 1] = (found[at] as number) + height;
    });
    return found;
  }, [rows, lines, unit, open.value, openHeight.value]);
  useScrolling(box, seen);
  useLayoutEffect(() => {
    const element = box.current?.querySelector<HTMLElement>("[data-open]");
    openHeight.value = element?.firstElementChild?.getBoundingClientRect().height ?? 0;
  });
  const first = Math.max(lowerBound(tops, seen.value.top) - SPARE, 0);
  const last = Math.min(lowerBound(tops, seen.value.top + seen.value.height) + SPARE, rows.length);
  return { tops, first, last, heightAt };
}

/** The height of a row with this number of lines. */
export function heightOf(lines: number, unit: number): number {
  return Math.round(unit * (lines + 0.55));
}

/** The height of a text line, which depends on the window. */
export function useLine(box: { current: HTMLElement | null }): number {
  const unit = useSignal(20);
  useLayoutEffect(() => {
    const measure = () => {
      if (box.current) unit.value = Number.parseFloat(getComputedStyle(box.current).lineHeight) || 20;
    };
    measure();
    addEventListener("resize", measure);
    return () => removeEventListener("resize", measure);
  }, []);
  return unit.value;
}

/** Follows the visible part of a list. */
export function useScrolling(
  box: { current: HTMLElement | null },
  seen: { value: { top: number; height: number } },
): void {
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const look = () => {
      seen.value = { top: element.scrollTop, height: element.clientHeight };
    };
    look();
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener("scroll", look, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", look);
    };
  }, []);
}

/** Scroll until a row is visible. */
export function scrollTo(box: HTMLElement, top: number, bottom: number): void {
  if (top < box.scrollTop) box.scrollTop = top;
  else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight;
}

/** The place between rows nearest to `y`; 0 is before the first row. */
export function between(tops: Float64Array, y: number): number {
  const at = Math.min(lowerBound(tops, y), tops.length - 2);
  return y > ((tops[at] as number) + (tops[at + 1] as number)) / 2 ? at + 1 : at;
}

/** The last row whose top is not below `y`. */
export function lowerBound(tops: Float64Array, y: number): number {
  let low = 0;
  let high = tops.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((tops[middle] as number) <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}
