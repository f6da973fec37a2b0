/** Dragging rows of a list: by mouse from anywhere on a row, by finger or pen from its grip. */

import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Selection } from "../model/selection";

/** Pixels after which a press is a drag. */
const SLACK = 5;
/** Pixels from an edge of the list within which it scrolls, and its speed there, in pixels per frame. */
const EDGE = 36;
const SPEED = 14;

export interface Drag {
  uids: readonly string[];
  /** How many have left the list since the drag began. */
  gone: readonly string[];
  /** The place to which they go: before the row that is there now. */
  to: number;
  /** Of the pointer, in the window. */
  x: number;
  y: number;
}

interface List {
  box: { current: HTMLElement | null };
  /** The uids of the rows, as they are now. */
  order: readonly string[];
  selection: Selection;
  /** The place of a height in the list: between which rows. */
  placeAt: (y: number) => number;
  drop: (drag: Drag) => void;
}

export interface Dragging {
  drag: Signal<Drag | null>;
  /** Of each row. */
  onPointerDown: (event: PointerEvent, uid: string) => void;
  /** Whether the click that follows belongs to a drag. */
  wasDragged: () => boolean;
}

/** `isAllowed` is false for those who may not move anything. */
export function useDragging(list: List, isAllowed: boolean): Dragging {
  const drag = useSignal<Drag | null>(null);
  const latest = useRef(list);
  latest.current = list;
  const gesture = useRef<Gesture | null>(null);
  const wasDragged = useRef(false);
  useEffect(() => () => gesture.current?.end(), []);
  useEffect(() => {
    const { value } = drag;
    if (value === null) return;
    const here = new Set(list.order);
    const left = value.uids.filter((uid) => !here.has(uid));
    if (left.length === 0) return;
    const changed = { ...value, uids: value.uids.filter((uid) => here.has(uid)), gone: [...value.gone, ...left] };
    drag.value = changed;
    if (changed.uids.length === 0) gesture.current?.end(true);
  }, [list.order]);
  return {
    drag,
    onPointerDown: (event, uid) => {
      if (!isAllowed || event.button !== 0 || gesture.current) return;
      const isGrip = event.target instanceof Element && event.target.closest(".grip") !== null;
      if (event.pointerType !== "mouse" && !isGrip) return;
      gesture.current = new Gesture(event, uid, drag, latest, (isDrag) => {
        gesture.current = null;
        wasDragged.current = isDrag;
        setTimeout(() => {
          wasDragged.current = false; // a click that belongs to the drag comes before
        });
      });
    },
    wasDragged: () => wasDragged.current,
  };
}

/** One press, from pointer down to pointer up. */
class Gesture {
  private x: number;
  private y: number;
  private frame = 0;
  private readonly handlers: [string, (event: never) => void][] = [
    ["pointermove", (event: PointerEvent) => this.move(event)],
    ["pointerup", (event: PointerEvent) => event.pointerId === this.pointer && this.end(true)],
    ["pointercancel", (event: PointerEvent) => event.pointerId === this.pointer && this.end()],
    ["keydown", (event: KeyboardEvent) => this.key(event)],
    ["blur", (event: FocusEvent) => event.target === window && this.end()],
  ];
  private readonly pointer: number;

  constructor(
    event: PointerEvent,
    private readonly uid: string,
    private readonly drag: Signal<Drag | null>,
    private readonly list: { current: List },
    private readonly ended: (isDrag: boolean) => void,
  ) {
    this.x = event.clientX;
    this.y = event.clientY;
    this.pointer = event.pointerId;
    for (const [name, handler] of this.handlers) addEventListener(name, handler as EventListener, true);
  }

  /** Stop; with `isDrop`, the rows go to where the pointer is. */
  end(isDrop = false): void {
    for (const [name, handler] of this.handlers) removeEventListener(name, handler as EventListener, true);
    cancelAnimationFrame(this.frame);
    const { value } = this.drag;
    this.drag.value = null;
    this.ended(value !== null);
    if (isDrop && value) this.list.current.drop(value);
  }

  private key(event: KeyboardEvent): void {
    if (event.key !== "Escape" || this.drag.value === null) return;
    event.stopPropagation();
    event.preventDefault();
    this.end();
  }

  private move(event: PointerEvent): void {
    if (event.pointerId !== this.pointer) return;
    if (this.drag.value === null) {
      if (Math.hypot(event.clientX - this.x, event.clientY - this.y) < SLACK) return;
      this.begin();
    }
    this.x = event.clientX;
    this.y = event.clientY;
    this.show();
  }

  private begin(): void {
    const { selection } = this.list.current;
    if (!selection.chosen.value.has(this.uid)) selection.choose(this.uid);
    this.drag.value = { uids: selection.inOrder(), gone: [], to: 0, x: this.x, y: this.y };
    this.frame = requestAnimationFrame(() => this.watch());
  }

  /** Where the rows would go now. */
  private show(): void {
    const { box, placeAt } = this.list.current;
    const { value } = this.drag;
    if (!box.current || value === null) return;
    const to = placeAt(this.y - box.current.getBoundingClientRect().top + box.current.scrollTop);
    if (to === value.to && this.x === value.x && this.y === value.y) return;
    this.drag.value = { ...value, to, x: this.x, y: this.y };
  }

  /** In every frame, because rows also come, go, and grow under a pointer that rests. */
  private watch(): void {
    this.scroll();
    this.show();
    if (this.drag.value !== null) this.frame = requestAnimationFrame(() => this.watch());
  }

  private scroll(): void {
    const box = this.list.current.box.current;
    if (!box || this.drag.value === null) return;
    const { top, bottom } = box.getBoundingClientRect();
    const above = Math.max(top, 0) + EDGE - this.y;
    const below = this.y - (Math.min(bottom, innerHeight) - EDGE);
    const by = above > 0 ? -Math.min(above / EDGE, 1) : below > 0 ? Math.min(below / EDGE, 1) : 0;
    if (by !== 0) box.scrollTop += by * SPEED;
  }
}
