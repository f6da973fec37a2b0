/** The device tree as a list. Only its visible lines are in the page. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Line } from "../model/device_tree";
import type { Devices } from "../model/devices";
import { deviceKind, limitsText, readingText, readingTime } from "../words/readings";
import { useModel } from "./app";
import { heightOf, scrollTo, useLine, useScrolling } from "./rows";

/** Number of extra lines above and below the visible ones. */
const SPARE = 8;
/** Height in pixels that a finger can hit. */
const FINGER = 44;
const NARROW = "(max-width: 820px)";

export function DeviceLines() {
  const { tree } = useModel();
  const lines = tree.lines.value;
  const box = useRef<HTMLDivElement>(null);
  const seen = useSignal({ top: 0, height: 800 });
  const unit = useLine(box);
  const height = Math.max(heightOf(1, unit), matchMedia(NARROW).matches ? FINGER : 0);
  useScrolling(box, seen);
  const first = Math.max(Math.floor(seen.value.top / height) - SPARE, 0);
  const last = Math.min(Math.ceil((seen.value.top + seen.value.height) / height) + SPARE, lines.length);
  const shown = lines.slice(first, last);
  const names = shown.map((line) => line.name);
  useEffect(() => tree.want(names), [tree, names.join()]);
  const reveal = (at: number) => {
    if (box.current) scrollTo(box.current, at * height, (at + 1) * height);
  };
  const page = Math.max(Math.floor(seen.value.height / height) - 1, 1);
  const current = lines.findIndex((line) => line.name === tree.current.value);
  return (
    <div
      class="rows tree"
      ref={box}
      tabIndex={0}
      role="tree"
      aria-label="Devices"
      aria-activedescendant={current >= first && current < last ? `device-${current}` : undefined}
      onKeyDown={(event) => pressed(event, { tree, lines, current, page, reveal })}
    >
      <div class="height" role="presentation" style={{ height: `${lines.length * height}px` }}>
        {shown.map((line, offset) => (
          <TreeItem
            key={line.name}
            line={line}
            at={first + offset}
            height={height}
            focusTree={() => box.current?.focus({ preventScroll: true })}
          />
        ))}
      </div>
    </div>
  );
}

interface ItemProps {
  line: Line;
  at: number;
  height: number;
  focusTree: () => void;
}

function TreeItem({ line, at, height, focusTree }: ItemProps) {
  const { tree } = useModel();
  const isCurrent = tree.current.value === line.name;
  const choose = () => {
    tree.current.value = line.name;
    if (line.hasParts) tree.toggle(line);
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree handles the keys
    <div
      id={`device-${at}`}
      class={`row${isCurrent ? " current" : ""}`}
      role="treeitem"
      tabIndex={-1}
      aria-level={line.level}
      aria-posinset={line.place}
      aria-setsize={line.siblings}
      aria-expanded={line.hasParts ? line.isOpen : undefined}
      aria-selected={isCurrent}
      style={{ top: `${at * height}px`, height: `${height}px` }}
      onMouseDown={(event) => {
        event.preventDefault(); // the tree gets the focus, because a line may leave the page
        focusTree();
      }}
      onClick={choose}
    >
      <div class="cells">
        <span class="device" style={{ paddingLeft: `${(line.level - 1) * 1.2}em` }}>
          <span class="twig" aria-hidden="true">
            {line.hasParts ? (line.isOpen ? "▾" : "▸") : ""}
          </span>
          <span class="call" title={line.name}>
            {line.label}
          </span>
        </span>
        <Cells line={line} />
        <WatchMark line={line} />
      </div>
    </div>
  );
}

/** A device's value, limits, time and kind; or why it could not be read. */
function Cells({ line }: { line: Line }) {
  const model = useModel();
  const { tree } = model;
  const reading = tree.readings.value.get(line.name);
  const kind = <span class="kind">{deviceKind(line.device)}</span>;
  if (!tree.canBeRead(line.name)) return <NoCells text="" kind={kind} />;
  if (!reading) return <NoCells text={tree.pending.value.has(line.name) ? "…" : ""} kind={kind} />;
  const clock = model.clock.peek(); // only the day matters, so the lines need not be redrawn every second
  if (reading.error !== undefined) {
    const last = reading.last ? `; last ${readingText(reading.last)}` : "";
    return (
      <>
        <span class="bad failure" title={`${reading.error}${last}`}>
          <span aria-hidden="true">⚠ </span>
          {reading.error}
          {last}
        </span>
        {kind}
      </>
    );
  }
  return (
    <>
      <span class="value">
        {reading.moving && (
          <span class="good" title="moving">
            <span aria-hidden="true">▶</span>
            <span class="unseen">moving, </span>{" "}
          </span>
        )}
        <b>{readingText(reading)}</b>
      </span>
      <span class="unit">{reading.units ?? ""}</span>
      <span class="limits">{limitsText(reading.limits)}</span>
      <span class="time">{readingTime(reading.timestamp, clock)}</span>
      {kind}
    </>
  );
}

function NoCells({ text, kind }: { text: string; kind: preact.ComponentChildren }) {
  return (
    <>
      <span class="value">{text}</span>
      <span class="unit" />
      <span class="limits" />
      <span class="time" />
      {kind}
    </>
  );
}

/** A star for watching a device with the mouse or a finger. With the keyboard, a key of the tree does the same. */
function WatchMark({ line }: { line: Line }) {
  const { tree } = useModel();
  if (!tree.canBeRead(line.name)) return <span class="watch" />;
  const isWatched = tree.watched.value.includes(line.name);
  const toggle = (event: MouseEvent) => {
    event.stopPropagation();
    tree.watch(line.name, !isWatched);
  };
  return (
    <span class="watch">
      <button
        type="button"
        class="quiet"
        tabIndex={-1}
        aria-pressed={isWatched}
        aria-label={`Watch ${line.name}`}
        title={isWatched ? "Watched" : "Watch"}
        onClick={toggle}
      >
        {isWatched ? "★" : "☆"}
      </button>
    </span>
  );
}

interface Place {
  tree: Devices;
  lines: readonly Line[];
  /** The index of the current line; -1 if there is none. */
  current: number;
  /** Number of lines in a page. */
  page: number;
  reveal: (at: number) => void;
}

/** A key was pressed in the tree. */
function pressed(event: KeyboardEvent, place: Place): void {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const { tree, lines, reveal } = place;
  const line = lines[place.current];
  const to = target(event.key, place);
  if (to !== null) {
    const at = Math.min(Math.max(to, 0), lines.length - 1);
    tree.current.value = lines[at]?.name ?? null;
    reveal(at);
  } else if (!line || !act(event.key, line, tree)) return;
  event.preventDefault();
}

/** Apply a key's action to a line; return whether the key has such an action. */
function act(key: string, line: Line, tree: Devices): boolean {
  const { name, hasParts, isOpen } = line;
  const canBeRead = tree.canBeRead(name);
  if (key === "ArrowRight" || key === "ArrowLeft") {
    if (hasParts && isOpen === (key === "ArrowLeft")) tree.toggle(line);
  } else if (key === " ") {
    if (canBeRead) tree.watch(name, !tree.watched.value.includes(name));
  } else if (key === "Enter") {
    if (canBeRead) void tree.read([name]);
  } else return false;
  return true;
}

/** The line that a key moves to; null if the key does not move along the lines. */
function target(key: string, { lines, current, page }: Place): number | null {
  const line = lines[current];
  switch (key) {
    case "ArrowDown":
      return current + 1;
    case "ArrowUp":
      return current - 1;
    case "PageDown":
      return current + page;
    case "PageUp":
      return current - page;
    case "Home":
      return 0;
    case "End":
      return lines.length - 1;
    case "ArrowRight":
      return line?.isOpen ? current + 1 : null;
    case "ArrowLeft":
      if (!line || line.isOpen || line.parent === null) return null;
      return lines.findIndex((each) => each.name === line.parent);
    default:
      return null;
  }
}
