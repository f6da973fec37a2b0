/** Printed text as lines. */

/** Maximum length of a line that has no line break yet. */
const LONGEST = 10_000;

export interface ConsoleLine {
  /** The line's number, which increases from line to line. */
  id: number;
  text: string;
}

/** Joins pieces of text into lines. */
export class Lines {
  /** The last line, while it has no line break yet. */
  private open = "";
  private next = 0;

  /** Take a piece of text; return the lines that end in it. */
  take(piece: string): ConsoleLine[] {
    const parts = (this.open + piece).split("\n");
    this.open = rewritten(parts.pop() ?? "").slice(-LONGEST);
    return parts.map((text) => ({ id: this.next++, text }));
  }

  /** The unfinished line, if there is one. */
  get unfinished(): ConsoleLine[] {
    return this.open ? [{ id: this.next, text: this.open }] : [];
  }
}

/** The line without overwritten parts: a progress bar overwrites its line thousands of times, using carriage returns. */
function rewritten(line: string): string {
  return line.slice(line.lastIndexOf("\r", line.length - 2) + 1);
}
