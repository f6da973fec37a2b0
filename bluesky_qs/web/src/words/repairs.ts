/** Completes a plan that is only half typed, so that a form can show its values. */

import { lastOpen } from "./tokens";

/** Maximum number of texts to try. Each one is a request. */
const MOST = 5;
const CLOSING: Record<string, string> = { "(": ")", "[": "]", "{": "}" };

/** Texts to try in place of one that is not a plan, the longest ones first. */
export function repairs(text: string): string[] {
  const name = /^\s*[\p{L}_][\p{L}\p{N}_.]*/u.exec(text)?.[0].trim();
  if (name === undefined) return [];
  const found = [closed(text)];
  for (let at = text.lastIndexOf(","); at > 0 && found.length < MOST; at = text.lastIndexOf(",", at - 1)) {
    found.push(closed(text.slice(0, at)));
  }
  return [...new Set([...found.filter((each) => each !== null), `${name}()`])];
}

/** The text with its open brackets closed; null if it ends in a string. */
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
