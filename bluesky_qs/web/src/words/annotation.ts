/** Reads type annotations of plan parameters, to choose the fields of a form. */

import type { Schemas } from "../source/source";
import { literal, type Value } from "./literal";

export type Annotation = Schemas["AnnotationDescription"];
export type Ability = "is_readable" | "is_movable" | "is_flyable";

/** The kinds of values. A value of the kind `any` is typed as text. */
export type Kind =
  | { type: "any" }
  | { type: "choice"; choices: readonly Value[] }
  /** Devices with a capability, or with these names. */
  | { type: "device"; ability?: Ability; names?: readonly string[] }
  | { type: "list"; item: Kind }
  | { type: "number"; isInteger: boolean }
  | { type: "plan"; names?: readonly string[] }
  | { type: "switch" }
  | { type: "text" };

export interface Shape {
  kind: Kind;
  /** Whether None is also allowed. */
  canBeNone: boolean;
}

const ANY: Kind = { type: "any" };
const NONE = "none";
type Part = Kind | typeof NONE;

/** The shape for a type annotation. If there is none, or if it is unknown, any value is valid. */
export function shapeOf(annotation: Annotation | undefined): Shape {
  if (!annotation?.type) return { kind: ANY, canBeNone: false };
  try {
    const reader = new Reader(annotation);
    const parts = reader.union();
    reader.end();
    return merged(parts);
  } catch (error) {
    if (error instanceof UnknownType) return { kind: ANY, canBeNone: false };
    throw error;
  }
}

/** The type in words, such as `list of readable devices`. */
export function kindText({ kind, canBeNone }: Shape): string {
  const text = textOf(kind);
  return canBeNone && text ? `${text} or None` : text;
}

function textOf(kind: Kind): string {
  switch (kind.type) {
    case "number":
      return kind.isInteger ? "whole number" : "number";
    case "list":
      return kind.item.type === "any" ? "list" : `list: ${textOf(kind.item)}`;
    case "device":
      return kind.ability
        ? ({ is_readable: "detector", is_movable: "motor", is_flyable: "flyer" }[kind.ability] ?? "")
        : "device";
    case "switch":
      return "True or False";
    case "any":
      return "";
    default:
      return kind.type;
  }
}

class UnknownType extends Error {}

const SIMPLE: Record<string, Part> = {
  int: { type: "number", isInteger: true },
  float: { type: "number", isInteger: false },
  bool: { type: "switch" },
  str: { type: "text" },
  Text: { type: "text" },
  None: NONE,
  NoneType: NONE,
  Any: ANY,
  object: ANY,
  __DEVICE__: { type: "device" },
  __READABLE__: { type: "device", ability: "is_readable" },
  __MOVABLE__: { type: "device", ability: "is_movable" },
  __FLYABLE__: { type: "device", ability: "is_flyable" },
  __PLAN__: { type: "plan" },
};
const PROTOCOLS: Record<string, Ability> = {
  Readable: "is_readable",
  Movable: "is_movable",
  NamedMovable: "is_movable",
  Flyable: "is_flyable",
};
const LISTS = new Set(
  "list List Sequence MutableSequence Iterable Collection Container Reversible set Set frozenset FrozenSet".split(" "),
);
const TOKEN = /\s*([\p{L}_][\p{L}\p{N}_.]*|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[-+]?[\d.][\w.]*|\.\.\.|[[\](),|])/uy;

class Reader {
  private readonly tokens: string[] = [];
  private at = 0;

  constructor(private readonly annotation: Annotation) {
    const { type } = annotation;
    for (TOKEN.lastIndex = 0; TOKEN.lastIndex < type.trimEnd().length; ) {
      const found = TOKEN.exec(type);
      if (!found) throw new UnknownType();
      this.tokens.push(found[1] as string);
    }
  }

  end(): void {
    if (this.at < this.tokens.length) throw new UnknownType();
  }

  /** The alternatives of `a | b`. */
  union(): Part[] {
    const parts = this.type();
    while (this.takes("|")) parts.push(...this.type());
    return parts;
  }

  private type(): Part[] {
    const name = this.next();
    if (/^['"]/.test(name)) return new Reader({ ...this.annotation, type: String(literal(name)) }).union();
    const named = this.named(name);
    if (named) return [named];
    const protocol = name.startsWith("bluesky.protocols.") ? name.slice("bluesky.protocols.".length) : "";
    if (protocol) return [{ type: "device", ...(PROTOCOLS[protocol] ? { ability: PROTOCOLS[protocol] } : {}) }];
    const short = name.slice(name.lastIndexOf(".") + 1);
    if (this.takes("[")) return this.generic(short);
    if (LISTS.has(short) || short === "tuple" || short === "Tuple") return [{ type: "list", item: ANY }];
    return [SIMPLE[short] ?? ANY];
  }

  /** The names from a list in the annotation's description. */
  private named(name: string): Kind | null {
    const { devices, plans, enums } = this.annotation;
    const texts = (names: readonly (string | null)[]) => names.filter((each) => each !== null);
    const found: Kind[] = [];
    if (devices?.[name]) found.push({ type: "device", names: texts(devices[name]) });
    if (plans?.[name]) found.push({ type: "plan", names: texts(plans[name]) });
    if (enums?.[name]) found.push({ type: "choice", choices: enums[name] });
    return found.length > 1 ? ANY : (found[0] ?? null);
  }

  private generic(name: string): Part[] {
    if (name === "Literal") return [{ type: "choice", choices: this.arguments(() => this.constant()) }];
    if (name === "Callable") {
      this.skip();
      return [ANY];
    }
    const given = this.arguments(() => (this.takes("...") ? [] : this.union()));
    if (name === "Union") return given.flat();
    if (name === "Optional") return [...given.flat(), NONE];
    if (name === "Annotated") return given[0] ?? [ANY];
    const isTuple = name === "tuple" || name === "Tuple";
    if ((LISTS.has(name) && given.length === 1) || (isTuple && given.length === 2 && given[1]?.length === 0)) {
      return [{ type: "list", item: itemOf(merged(given[0] as Part[])) }];
    }
    return [ANY];
  }

  /** The content of brackets, after the opening bracket. */
  private arguments<T>(read: () => T): T[] {
    const found: T[] = [];
    while (!this.takes("]")) {
      found.push(read());
      if (!this.takes(",") && this.tokens[this.at] !== "]") throw new UnknownType();
    }
    return found;
  }

  private constant(): Value {
    const value = literal(this.next());
    if (value === undefined) throw new UnknownType();
    return value;
  }

  /** Skip everything up to the closing bracket. */
  private skip(): void {
    for (let depth = 1; depth > 0; ) {
      const token = this.next();
      if (token === "[") depth += 1;
      else if (token === "]") depth -= 1;
    }
  }

  private next(): string {
    const token = this.tokens[this.at];
    if (token === undefined) throw new UnknownType();
    this.at += 1;
    return token;
  }

  private takes(token: string): boolean {
    const found = this.tokens[this.at] === token;
    if (found) this.at += 1;
    return found;
  }
}

/** One shape for several alternatives. If their kinds differ, the value is typed as text. */
function merged(parts: readonly Part[]): Shape {
  const kinds = parts.filter((part): part is Kind => part !== NONE);
  const canBeNone = kinds.length < parts.length;
  const [first, ...others] = kinds;
  if (!first) return { kind: canBeNone ? { type: "choice", choices: [null] } : ANY, canBeNone: false };
  return { kind: others.reduce<Kind>(joined, first), canBeNone };
}

function joined(a: Kind, b: Kind): Kind {
  if (a.type === "number" && b.type === "number") return { type: "number", isInteger: a.isInteger && b.isInteger };
  if (a.type === "choice" && b.type === "choice") return { type: "choice", choices: [...a.choices, ...b.choices] };
  if (a.type === "device" && b.type === "device") {
    if (a.names && b.names) return { type: "device", names: [...new Set([...a.names, ...b.names])] };
    return a.ability && a.ability === b.ability ? a : { type: "device" };
  }
  return JSON.stringify(a) === JSON.stringify(b) ? a : ANY;
}

/** An element that can be None is typed as text. */
function itemOf({ kind, canBeNone }: Shape): Kind {
  return canBeNone ? ANY : kind;
}
