/** Printed text as lines. */

/** Maximum length of a line that has no line break yet. */
const LONGEST = 10_000;

export interface ConsoleLine {
  /** Its number, which increases from line to line. */
  id: number;
  text: string;
}

/** Makes lines of pieces of text. */
export class Lines {
  /** The last line, as long as it has no line break. */
  private open = "";
  private next = 0;

  /** The lines that end in this piece. */
  take(piece: string): ConsoleLine[] {
    const parts = (this.open + piece).split("\n");
    this.open = rewritten(parts.pop() ?? "").slice(-LONGEST);
    return parts.map((text) => ({ id: this.next++, text }));
  }

  /** The line that has not ended, if there is one. */
  get unfinished(): ConsoleLine[] {
    return this.open ? [{ id: this.next, text: this.open }] : [];
  }
}

/** The line without the parts that a carriage return has overwritten, because a progress bar writes thousands of them. */
function rewritten(line: string): string {
  return line.slice(line.lastIndexOf("\r", line.length - 2) + 1);
}
