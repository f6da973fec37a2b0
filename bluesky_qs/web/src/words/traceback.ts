/** A traceback as the prompt shows it (`ipython_extension/shown/traceback_text.py`). Frames inside bluesky are folded,
 * except the last one, where the error was raised. */

import { plural } from "./times";

const FRAME = /^ {2}File "([^"]*)", line \d+/;
/** Code that was not written at the beamline. */
const INNER = /[/\\](site|dist)-packages[/\\](bluesky(_qs)?|opentelemetry)[/\\]|[/\\]bluesky_qs[/\\]worker[/\\]/;
/** Markers under a part of the line above. They would point elsewhere if that line were broken. */
const MARKS = /^\s*[~^]+\s*$/;

export function folded(traceback: string): string {
  const parts: string[][] = [];
  for (const line of traceback.trimEnd().split("\n")) {
    if (MARKS.test(line)) continue;
    const last = parts.at(-1);
    if (last && line.startsWith("    ")) last.push(line);
    else parts.push([line]);
  }
  const shown: string[] = [];
  let inner = 0;
  parts.forEach((part, at) => {
    if (isInner(parts, at)) {
      inner += 1;
      return;
    }
    if (inner > 0) shown.push(`  … ${plural(inner, "frame")} in the code of bluesky`);
    inner = 0;
    shown.push(...part);
  });
  return shown.join("\n");
}

function isInner(parts: readonly string[][], at: number): boolean {
  const path = FRAME.exec(parts[at]?.[0] ?? "")?.[1];
  return path !== undefined && INNER.test(path) && FRAME.test(parts[at + 1]?.[0] ?? "");
}
