/** Completes a half-typed plan, so that a form can show its values. */

import { lastOpen } from "./tokens";

/** Maximum number of texts to try. Each one needs a request. */
const MOST = 5;
const CLOSING: Record<string, string> = { "(": ")", "[": "]", "{": "}" };

/** Texts to try if the typed one is not a plan, longest first. */
export function repairs(text: string): string[] {
  const name = /^\s*[\p{L}_][\p{L}\p{N}_.]*/u.exec(text)?.[0].trim();
  if (name === undefined) return [];
  const found = [closed(text)];
  for (let at = text.lastIndexOf(","); at > 0 && found.length < MOST; at = text.lastIndexOf(",", at - 1)) {
    found.push(closed(text.slice(0, at)));
  }
  return [...new Set([...found.filter((each) => each !== null), `${name}()`])];
}

/** The text, with its open brackets closed; null if it ends within a string. */
function closed(text: string): string | null {
  const open = lastOpen(text);
  if (open === null) return null;
  const start = text.trimEnd().replace(/,$/, "");
  return (
    start +
    open
      .reverse()
      .map((bracket) => CLOSING[text[bracket.start] as string])
      .join("")
  );
}
