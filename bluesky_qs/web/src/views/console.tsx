/** The console output of the service and its plans. */

import { type ReadonlySignal, useComputed, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { ConsoleLine } from "../model/lines";
import { plain, spans } from "../words/ansi";
import { plural } from "../words/times";
import { useModel } from "./app";

/** Distance from the end, in pixels, within which the view follows new output. */
const NEAR = 40;

export function ConsoleView() {
  const { console } = useModel();
  useEffect(() => console.begin(), [console]);
  return <LogPanel log={console} title="Console" none="No output yet." />;
}

interface LogProps {
  log: { readonly lines: ReadonlySignal<readonly ConsoleLine[]>; readonly problem: ReadonlySignal<string> };
  title: string;
  /** The text if nothing was printed. */
  none: string;
  /** Additional buttons. */
  children?: ComponentChildren;
}

/** Printed lines. The view follows new lines until the user scrolls to older ones. */
export function LogPanel({ log: console, title, none, children }: LogProps) {
  const search = useSignal("");
  /** The lines when the user paused; null while the view follows new output. */
  const frozen = useSignal<readonly ConsoleLine[] | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const shown = useComputed(() => {
    const lines = frozen.value ?? console.lines.value;
    const wanted = search.value.toLowerCase();
    return wanted ? lines.filter((line) => plain(line.text).toLowerCase().includes(wanted)) : lines;
  });
  useLayoutEffect(() => {
    if (frozen.value === null && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [shown.value, frozen.value]);
  const pause = () => {
    frozen.value ??= console.lines.value;
  };
  const follow = () => {
    frozen.value = null;
  };
  const scrolled = () => {
    const element = box.current;
    if (!element) return;
    const isAtEnd = element.scrollTop + element.clientHeight > element.scrollHeight - NEAR;
    if (!isAtEnd) pause(); // the user is reading older lines; new ones must not move them
  };
  const newest = console.lines.value.at(-1)?.id ?? -1;
  const missed = frozen.value ? newest - (frozen.value.at(-1)?.id ?? -1) : 0;
  return (
    <section class="console" aria-labelledby="console-title">
      <h2 id="console-title">
        {title}
        <span>{search.value ? plural(shown.value.length, "line") : ""}</span>
      </h2>
      <div class="tools">
        <input
          type="search"
          aria-label="Search in the console output"
          placeholder="Search"
          value={search.value}
          onInput={(event) => {
            search.value = event.currentTarget.value;
          }}
        />
        {frozen.value ? (
          <button type="button" class="primary" onClick={follow}>
            Follow{missed > 0 ? ` (${missed} new)` : ""}
          </button>
        ) : (
          <button type="button" onClick={pause}>
            Pause
          </button>
        )}
        {children}
      </div>
      {console.problem.value && <p class="bad">✕ The console output could not be read: {console.problem.value}</p>}
      <div
        class="lines"
        ref={box}
        role="log"
        aria-label="Console output"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: so that keys can scroll it
        tabIndex={0}
        onScroll={scrolled}
      >
        {shown.value.map((line) => (
          <Line key={line.id} line={line} />
        ))}
        {shown.value.length === 0 && <p class="meta">{search.value ? "No line contains this text." : none}</p>}
      </div>
    </section>
  );
}

function Line({ line }: { line: ConsoleLine }) {
  return (
    <div class="line">
      {spans(line.text).map((span, at) => (
        <span key={at} class={span.style}>
          {span.text}
        </span>
      ))}
    </div>
  );
}
