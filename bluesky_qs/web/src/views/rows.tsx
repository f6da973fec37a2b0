/** A list of which only the rows that are seen are in the page, so that ten thousand stay smooth. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";

/** Rows above and below those that are seen. */
const SPARE = 8;

interface Props<T> {
  label: string;
  rows: readonly T[];
  id: (row: T) => string;
  /** The lines of a row, from which its height is known. */
  lines: (row: T) => number;
  children: (row: T, at: number, isOpen: boolean) => ComponentChildren;
}

export function Rows<T>({ label, rows, id, lines, children }: Props<T>) {
  const box = useRef<HTMLDivElement>(null);
  const seen = useSignal({ top: 0, height: 800 });
  const current = useSignal<string | null>(null);
  const open = useSignal<string | null>(null);
  const openHeight = useSignal(0);
  const unit = useLine(box);
  const tops = useMemo(() => {
    const found = new Float64Array(rows.length + 1);
    rows.forEach((row, at) => {
      const height = open.value === id(row) && openHeight.value ? openHeight.value : heightOf(lines(row), unit);
      found[at + 1] = (found[at] as number) + height;
    });
    return found;
  }, [rows, unit, open.value, openHeight.value]);
  useScrolling(box, seen);
  useLayoutEffect(() => {
    const element = box.current?.querySelector<HTMLElement>("[data-open]");
    openHeight.value = element?.firstElementChild?.getBoundingClientRect().height ?? 0;
  }, [open.value, rows, unit]);

  const first = Math.max(lowerBound(tops, seen.value.top) - SPARE, 0);
  const last = Math.min(lowerBound(tops, seen.value.top + seen.value.height) + SPARE, rows.length);
  const at = rows.findIndex((row) => id(row) === current.value);
  const keys = (event: KeyboardEvent) => {
    const move = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: rows.length - 1,
      PageDown: at + 10,
      PageUp: at - 10,
    };
    if (event.key in move) {
      const next = Math.min(Math.max(move[event.key as keyof typeof move], 0), rows.length - 1);
      const row = rows[next];
      if (!row || !box.current) return;
      event.preventDefault();
      current.value = id(row);
      reveal(box.current, tops[next] as number, tops[next + 1] as number);
    } else if (event.key === "Enter" && at >= 0) {
      open.value = open.value === current.value ? null : current.value;
    }
  };
  const choose = (uid: string) => {
    current.value = uid;
    open.value = open.value === uid ? null : uid;
  };
  const name = `row-${label.replace(/\W+/g, "-")}`;
  return (
    <div
      class="rows"
      ref={box}
      tabIndex={0}
      role="listbox"
      aria-label={label}
      aria-activedescendant={at >= first && at < last ? `${name}-${at}` : undefined}
      onKeyDown={keys}
    >
      <div class="height" role="presentation" style={{ height: `${tops[rows.length]}px` }}>
        {rows.slice(first, last).map((row, offset) => {
          const uid = id(row);
          const isOpen = open.value === uid;
          return (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the list handles the keys
            <div
              key={uid}
              id={`${name}-${first + offset}`}
              class={`row${isOpen ? " open" : ""}`}
              role="option"
              tabIndex={-1}
              aria-selected={current.value === uid}
              aria-setsize={rows.length}
              aria-posinset={first + offset + 1}
              data-open={isOpen || undefined}
              style={{
                top: `${tops[first + offset]}px`,
                height: isOpen ? undefined : `${heightOf(lines(row), unit)}px`,
              }}
              onClick={() => choose(uid)}
            >
              {children(row, first + offset, isOpen)}
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** The height of a row with so many lines. */
function heightOf(lines: number, unit: number): number {
  return Math.round(unit * (lines + 0.55));
}

/** The height of a line of text, which grows with the window. */
function useLine(box: { current: HTMLElement | null }): number {
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

function useScrolling(box: { current: HTMLElement | null }, seen: { value: { top: number; height: number } }): void {
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

function reveal(box: HTMLElement, top: number, bottom: number): void {
  if (top < box.scrollTop) box.scrollTop = top;
  else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight;
}

/** The last place whose top is not below `y`. */
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
