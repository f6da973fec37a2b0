/** Lets the user drag over part of an element, from left to right, to zoom into that part. */

import { type Signal, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { Period } from "../words/timeline";

/** Minimum distance in pixels that makes a movement a drag. */
const FAR = 5;

interface Drag {
  /** The dragged part of the width, from 0 to 1; null while nothing is dragged. */
  period: Signal<Period | null>;
  handlers: Record<string, (event: PointerEvent & MouseEvent) => void>;
}

export function useDragZoom(box: { current: HTMLElement | null }, zoom: (from: number, to: number) => void): Drag {
  const period = useSignal<Period | null>(null);
  const began = useRef<number | null>(null);
  const wasDragged = useRef(false);
  const place = (event: MouseEvent) => {
    const { left, width } = (box.current as HTMLElement).getBoundingClientRect();
    return Math.min(Math.max((event.clientX - left) / width, 0), 1);
  };
  const end = () => {
    began.current = null;
    period.value = null;
  };
  const handlers: Drag["handlers"] = {
    onPointerDown: (event) => {
      wasDragged.current = false;
      if (event.button === 0 && event.pointerType !== "touch") began.current = event.clientX;
    },
    onPointerMove: (event) => {
      if (began.current === null || !box.current) return;
      if (period.value === null && Math.abs(event.clientX - began.current) < FAR) return;
      if (period.value === null) box.current.setPointerCapture(event.pointerId);
      const { left, width } = box.current.getBoundingClientRect();
      const start = Math.min(Math.max((began.current - left) / width, 0), 1);
      const now = place(event);
      wasDragged.current = true;
      period.value = { from: Math.min(start, now), to: Math.max(start, now) };
    },
    onPointerUp: () => {
      const found = period.value;
      end();
      if (found && found.to > found.from) zoom(found.from, found.to);
    },
    onPointerCancel: end,
    // A drag that ends on a link must not follow the link.
    onClickCapture: (event) => {
      if (!wasDragged.current) return;
      wasDragged.current = false;
      event.preventDefault();
      event.stopPropagation();
    },
  };
  return { period, handlers };
}
