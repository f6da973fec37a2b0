/** Reads colors in console output, and removes other control sequences. */

export interface Span {
  text: string;
  /** Class names. */
  style: string;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are control characters of terminals
const SEQUENCE = /\x1b\[([0-9;]*)m|\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: tabs are the only control characters to keep
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/g;

/** A line as spans. A carriage return overwrites the line, as in a progress bar. */
export function spans(line: string): Span[] {
  const shown = line.replace(/\r+$/, "");
  const text = shown.slice(shown.lastIndexOf("\r") + 1);
  const found: Span[] = [];
  let style = "";
  let end = 0;
  const add = (part: string) => {
    const clean = part.replace(CONTROL, "");
    if (clean) found.push({ text: clean, style });
  };
  for (const match of text.matchAll(SEQUENCE)) {
    add(text.slice(end, match.index));
    end = match.index + match[0].length;
    if (match[1] !== undefined) style = restyled(style, match[1]);
  }
  add(text.slice(end));
  return found;
}

/** A line's text without colors, for searching. */
export function plain(line: string): string {
  return spans(line)
    .map((span) => span.text)
    .join("");
}

const BOLD = "ansi-bold";

function restyled(style: string, codes: string): string {
  return codes
    .split(";")
    .map(Number)
    .reduce((classes, code) => withCode(classes, code), style.split(" ").filter(Boolean))
    .join(" ");
}

function withCode(classes: string[], code: number): string[] {
  const isBright = code >= 90 && code <= 97;
  if (code === 0) return [];
  if (code === 1) return [...classes, BOLD];
  if (code === 22) return classes.filter((each) => each !== BOLD);
  if (code === 39) return classes.filter((each) => each === BOLD);
  if (!isBright && !(code >= 30 && code <= 37)) return classes;
  return [...classes.filter((each) => each === BOLD), `ansi-${code - (isBright ? 90 : 30)}`];
}
