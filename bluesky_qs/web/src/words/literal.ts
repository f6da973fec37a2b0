/** Reads values that users type: Python and JSON literals, and device names without quotes. */

/** The values that a request can contain. */
export type Value = null | boolean | number | string | readonly Value[] | { readonly [key: string]: Value };

/** The text is not a value. `at` is the offset of the error. */
export class NotAValue extends Error {
  constructor(
    message: string,
    readonly at: number,
  ) {
    super(message);
  }
}

/** The value of a text such as `[det1, -1.5, 'text']`, `{"a": true}` or `None`. Raises `NotAValue`. */
export function readValue(text: string): Value {
  const reader = new Reader(text);
  const value = reader.value();
  reader.end();
  return value;
}

/** The values of a text such as `motor, -1, 1`. Raises `NotAValue`. */
export function readValues(text: string): Value[] {
  const reader = new Reader(text);
  const values: Value[] = [];
  while (!reader.isAtEnd()) {
    values.push(reader.value());
    if (!reader.isAtEnd()) reader.take(",");
  }
  return values;
}

/** The value of a default, which descriptions give as Python source code; undefined if it is not a literal. */
export function literal(text: unknown): Value | undefined {
  if (typeof text !== "string") return text as Value | undefined;
  try {
    return readValue(text);
  } catch {
    return undefined; // the default is an object from the startup code, which the form can only show
  }
}

const CONSTANTS: Record<string, Value> = {
  None: null,
  True: true,
  False: false,
  null: null,
  true: true,
  false: false,
};
const ESCAPES: Record<string, string> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", "0": "\0" };
const NUMBER = /[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/y;
const NAME = /[\p{L}_][\p{L}\p{N}_]*(?:\.[\p{L}\p{N}_]+|\[\d+\])*/uy;
const BLANKS = /\s*/y;
const DEEPEST = 50;

class Reader {
  private at = 0;
  private depth = 0;

  constructor(private readonly text: string) {}

  isAtEnd(): boolean {
    this.match(BLANKS);
    return this.at >= this.text.length;
  }

  end(): void {
    if (!this.isAtEnd()) throw this.fault("Unexpected text after the value");
  }

  take(expected: string): void {
    if (!this.begins(expected)) throw this.fault(`Expected ${expected}`);
    this.at += expected.length;
  }

  value(): Value {
    if (this.isAtEnd()) throw this.fault("A value is missing");
    const first = this.text[this.at] as string;
    if (first === "[") return this.elements("[", "]");
    if (first === "(") return this.elements("(", ")");
    if (first === "{") return this.dictionary();
    if (first === '"' || first === "'") return this.string();
    const number = this.match(NUMBER);
    if (number) return this.number(number);
    const name = this.match(NAME);
    if (!name) throw this.fault(`Unexpected ${first}`);
    return name in CONSTANTS ? (CONSTANTS[name] as Value) : name.replace(/\[(\d+)\]/g, ".$1");
  }

  private number(text: string): number {
    const found = Number(text.replaceAll("_", ""));
    const next = this.text[this.at] ?? "";
    if (/[\p{L}\d_]/u.test(next)) {
      throw this.fault(`Numbers cannot have units here: write ${text}, or put text in quotes`);
    }
    if (!Number.isFinite(found)) throw this.fault(`${text} is too large`);
    return found;
  }

  private elements(opening: string, closing: string): Value[] {
    this.enter(opening);
    const values: Value[] = [];
    while (!this.begins(closing)) {
      values.push(this.value());
      if (!this.begins(closing)) this.take(",");
    }
    this.leave(closing);
    return values;
  }

  private dictionary(): Value {
    this.enter("{");
    const pairs: [string, Value][] = [];
    while (!this.begins("}")) {
      const start = this.at;
      const key = this.value();
      if (typeof key !== "string") {
        this.at = start;
        throw this.fault("A dictionary key must be text");
      }
      this.take(":");
      pairs.push([key, this.value()]);
      if (!this.begins("}")) this.take(",");
    }
    this.leave("}");
    return Object.fromEntries(pairs);
  }

  private string(): string {
    const start = this.at;
    const quote = this.text[start] as string;
    let found = "";
    for (this.at += 1; this.text[this.at] !== quote; this.at += 1) {
      if (this.at >= this.text.length) {
        this.at = start;
        throw this.fault("The closing quote is missing");
      }
      found += this.text[this.at] === "\\" ? this.escape() : this.text[this.at];
    }
    this.at += 1;
    return found;
  }

  private escape(): string {
    this.at += 1;
    const letter = this.text[this.at] ?? "";
    const digits = { x: 2, u: 4, U: 8 }[letter];
    if (digits === undefined) return ESCAPES[letter] ?? (/["'\\/]/.test(letter) ? letter : `\\${letter}`);
    const code = Number.parseInt(this.text.slice(this.at + 1, this.at + 1 + digits), 16);
    if (Number.isNaN(code) || code > 0x10ffff) throw this.fault("This escape is not complete");
    this.at += digits;
    return String.fromCodePoint(code);
  }

  private enter(opening: string): void {
    this.depth += 1;
    if (this.depth > DEEPEST) throw this.fault("This is nested too deeply");
    this.take(opening);
  }

  private leave(closing: string): void {
    this.depth -= 1;
    this.take(closing);
  }

  private begins(expected: string): boolean {
    this.match(BLANKS);
    return this.text.startsWith(expected, this.at);
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    return found;
  }

  private fault(message: string): NotAValue {
    return new NotAValue(message, this.at);
  }
}
