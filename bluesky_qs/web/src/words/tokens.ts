/** Splits a typed plan into brackets, strings and words for completion (like `bluesky_qs/words/scanner.py`). */

export interface Bracket {
  kind: "brackets";
  start: number;
  end: number;
  text: string;
  inner: Token[];
  isClosed: boolean;
}
export interface Plain {
  kind: "word" | "quoted" | "separator" | "comment";
  start: number;
  end: number;
  text: string;
  isClosed: boolean;
}
export type Token = Bracket | Plain;

/** The brackets that are open at the end of a text, outermost first; null if the text ends within a string. */
export function lastOpen(text: string): Bracket[] | null {
  const scanner = new Scanner(text);
  scanner.run();
  return scanner.isInString ? null : scanner.open;
}

const WORD = /[^\s"'[\](){},#$]+/y;

class Scanner {
  readonly open: Bracket[] = [];
  isInString = false;
  private at = 0;

  constructor(private readonly text: string) {}

  run(): void {
    while (this.at < this.text.length) {
      const char = this.text[this.at] as string;
      if (/\s/.test(char)) this.at += 1;
      else if ("([{".includes(char)) this.begin();
      else if (")]}".includes(char)) this.end();
      else this.take(char);
    }
    for (const bracket of this.open) bracket.text = this.text.slice(bracket.start);
  }

  private begin(): void {
    const { at, text } = this;
    const bracket: Bracket = { kind: "brackets", start: at, end: text.length, text: "", inner: [], isClosed: false };
    this.open.at(-1)?.inner.push(bracket);
    this.open.push(bracket);
    this.at += 1;
  }

  private end(): void {
    this.at += 1;
    const bracket = this.open.pop();
    if (!bracket) return;
    Object.assign(bracket, { end: this.at, text: this.text.slice(bracket.start, this.at), isClosed: true });
  }

  private take(char: string): void {
    const { at, text } = this;
    if (char === "#") this.add("comment", endOfLine(text, at));
    else if (char === ",") this.add("separator", at + 1);
    else if (char === '"' || char === "'") {
      const end = endOfString(text, at);
      this.isInString = end === null && endOfLine(text, at) === text.length;
      this.add("quoted", end ?? endOfLine(text, at), end !== null);
    } else {
      WORD.lastIndex = at;
      this.add("word", at + (WORD.exec(text)?.[0].length ?? 1));
    }
  }

  private add(kind: Plain["kind"], end: number, isClosed = true): void {
    this.open.at(-1)?.inner.push({ kind, start: this.at, end, text: this.text.slice(this.at, end), isClosed });
    this.at = end;
  }
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
}

/** The offset after the string that opens at `start`; null if it is never closed. */
function endOfString(text: string, start: number): number | null {
  const quote = text.startsWith((text[start] as string).repeat(3), start) ? text.slice(start, start + 3) : text[start];
  for (let at = start + (quote as string).length; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text.startsWith(quote as string, at)) return at + (quote as string).length;
    else if (text[at] === "\n" && quote?.length === 1) return null;
  }
  return null;
}
