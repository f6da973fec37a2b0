/** Lets the user drag rows of a list: with the mouse from anywhere on a row, with a finger or pen by the row's handle. */

import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Selection } from "../model/selection";

/** Distance in pixels after which a press becomes a drag. */
const SLACK = 5;
/** Distance in pixels from the list's edge within which it scrolls, and the speed in pixels per frame. */
const EDGE = 36;
const SPEED = 14;

export interface Drag {
  uids: readonly string[];
  /** The number of dragged rows that have left the list since the drag began. */
  gone: readonly string[];
  /** The target: before the row that is now at this place. */
  to: number;
  /** The pointer's position in the window. */
  x: number;
  y: number;
}

interface List {
  box: { current: HTMLElement | null };
  /** The rows' current uids. */
  order: readonly string[];
  selection: Selection;
  /** The place between rows at a height in the list. */
  placeAt: (y: number) => number;
  drop: (drag: Drag) => void;
}

export interface Dragging {
  drag: Signal<Drag | null>;
  /** Event handlers for each row. */
  onPointerDown: (event: PointerEvent, uid: string) => void;
  /** Whether the next click is part of a drag. */
  wasDragged: () => boolean;
}

/** `isAllowed` is false if the user may not move items. */
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
          wasDragged.current = false; // if there is a click from this drag, it has already arrived
        });
      });
    },
    wasDragged: () => wasDragged.current,
  };
}

/** Handles one press, from pointer down to pointer up. */
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

  /** End the drag. With `isDrop`, move the rows to the pointer. */
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

  /** Update the place where the rows would be dropped. */
  private show(): void {
    const { box, placeAt } = this.list.current;
    const { value } = this.drag;
    if (!box.current || value === null) return;
    const to = placeAt(this.y - box.current.getBoundingClientRect().top + box.current.scrollTop);
    if (to === value.to && this.x === value.x && this.y === value.y) return;
    this.drag.value = { ...value, to, x: this.x, y: this.y };
  }

  /** Check in every frame, because rows may appear, disappear or grow while the pointer rests. */
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
