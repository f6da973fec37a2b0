/** A form for a plan, derived from its description: one field for each parameter, and the resulting item. */

import type { Schemas } from "../source/source";
import { type Kind, type Shape, shapeOf } from "../words/annotation";
import { literal, NotAValue, readValue, readValues, type Value } from "../words/literal";
import { type Call, valueText } from "../words/plan";

export type Plan = Schemas["PlanDescription"];

/** How a parameter takes its value: by position only, by position or name, by name only, or all remaining values. */
export type Binding = "position" | "either" | "name" | "others" | "other names";

export interface Field {
  name: string;
  binding: Binding;
  shape: Shape;
  description: string;
  isRequired: boolean;
  /** The default as Python source code; empty if there is none. */
  defaultText: string;
  default: Value | undefined;
  min: number | null;
  max: number | null;
  step: number | null;
  /** Whether the plan does not have this parameter (any more). */
  isUnknown: boolean;
}

/** The content of a field: nothing, a value, or text that is not a valid value yet. */
export interface Entry {
  text: string;
  value: Value | undefined;
  problem: string;
}

export const EMPTY: Entry = { text: "", value: undefined, problem: "" };

/** The kind of input for a value. */
export type Editor = "choice" | "device" | "many" | "number" | "plan" | "switch" | "text" | "typed";

export type Entries = Readonly<Record<string, Entry>>;

const BINDINGS: Record<string, Binding> = {
  POSITIONAL_ONLY: "position",
  POSITIONAL_OR_KEYWORD: "either",
  VAR_POSITIONAL: "others",
  KEYWORD_ONLY: "name",
  VAR_KEYWORD: "other names",
};

/** The fields for a plan's parameters, and for arguments of the item that match no parameter. */
export function fieldsOf(plan: Plan | undefined, item: Call = {}): Field[] {
  const fields = (plan?.parameters ?? []).map(fieldOf);
  const places = fields.filter((field) => isPlace(field)).length;
  if ((item.args?.length ?? 0) > places && !fields.some((field) => field.binding === "others")) {
    fields.push(unknownField("more arguments", "others"));
  }
  if (!fields.some((field) => field.binding === "other names")) {
    const known = new Set(fields.map((field) => field.name));
    const unknown = Object.keys(item.kwargs ?? {}).filter((name) => !known.has(name));
    fields.push(...unknown.map((name) => unknownField(name, "name")));
  }
  return fields;
}

function fieldOf(parameter: NonNullable<Plan["parameters"]>[number]): Field {
  const binding = BINDINGS[parameter.kind?.name ?? ""] ?? "either";
  const hasDefault = parameter.default !== undefined;
  return {
    name: parameter.name,
    binding,
    shape: shapeOf(parameter.annotation),
    description: (parameter.description ?? "").trim(),
    isRequired: !hasDefault && binding !== "others" && binding !== "other names",
    defaultText: hasDefault ? String(parameter.default) : "",
    default: literal(parameter.default),
    min: numberOf(parameter.min),
    max: numberOf(parameter.max),
    step: numberOf(parameter.step),
    isUnknown: false,
  };
}

function unknownField(name: string, binding: Binding): Field {
  const rest = { description: "", isRequired: false, defaultText: "", default: undefined, min: null, max: null };
  return { name, binding, shape: shapeOf(undefined), ...rest, step: null, isUnknown: true };
}

function numberOf(limit: string | number | undefined): number | null {
  const found = Number(limit ?? "NaN");
  return Number.isFinite(found) ? found : null;
}

function isPlace(field: Field): boolean {
  return field.binding === "position" || field.binding === "either";
}

/** The entries for an item, by field name. */
export function entriesOf(fields: readonly Field[], item: Call, known: ReadonlySet<string>): Entries {
  const places = fields.filter(isPlace);
  const args = (item.args ?? []) as Value[];
  const byPlace = new Map(places.slice(0, args.length).map((field, at) => [field.name, args[at]]));
  const named = new Set(fields.filter((field) => field.binding === "either" || field.binding === "name").map(nameOf));
  const kwargs = Object.entries(item.kwargs ?? {}) as [string, Value][];
  const byName = new Map(kwargs.filter(([name]) => named.has(name) && !byPlace.has(name)));
  const others = args.slice(places.length);
  const otherNames = kwargs.filter(([name]) => !byName.has(name));
  const given = (field: Field): Value | undefined => {
    if (field.binding === "others") return others.length > 0 ? others : undefined;
    if (field.binding === "other names") return otherNames.length > 0 ? Object.fromEntries(otherNames) : undefined;
    return byPlace.has(field.name) ? byPlace.get(field.name) : byName.get(field.name);
  };
  const entries = fields.map((field): [string, Entry] => [field.name, entryFor(field, given(field), known)]);
  return Object.fromEntries(entries.filter(([, entry]) => entry !== EMPTY));
}

const nameOf = ({ name }: Field) => name;

/** The entry for a value, with the text that a user would type at the prompt. */
export function entryFor(field: Field, value: Value | undefined, known: ReadonlySet<string>): Entry {
  if (value === undefined) return EMPTY;
  return { text: textFor(field, value, known), value, problem: "" };
}

function textFor(field: Field, value: Value, known: ReadonlySet<string>): string {
  const editor = editorOf(field, value);
  if (editor === "text") return value as string;
  const isList = field.binding === "others" || (field.shape.kind.type === "list" && Array.isArray(value));
  return isList ? (value as Value[]).map((each) => valueText(each, known)).join(", ") : valueText(value, known);
}

/** The input for a field. A value that does not suit the usual input is edited as text. */
export function editorOf(field: Field, value: Value | undefined): Editor {
  const { kind } = field.shape;
  const editor = field.binding === "others" || field.binding === "other names" ? "typed" : ownEditor(field);
  if (value === undefined || (value === null && field.shape.canBeNone)) return editor;
  const fits: Record<Editor, boolean> = {
    typed: true,
    choice: kind.type === "choice" && kind.choices.some((each) => each === value),
    device: typeof value === "string",
    many: Array.isArray(value) && value.every((each) => typeof each === "string"),
    number: typeof value === "number",
    plan: typeof value === "string",
    switch: typeof value === "boolean",
    text: typeof value === "string" && value !== "" && value.trim() === value,
  };
  return fits[editor] ? editor : "typed";
}

function ownEditor(field: Field): Editor {
  const { kind } = field.shape;
  if (kind.type === "list") return areNames(kind.item) ? "many" : "typed";
  return kind.type === "any" ? "typed" : kind.type;
}

/** Whether values of this kind are names from a list. */
function areNames(kind: Kind): boolean {
  if (kind.type === "choice") return kind.choices.every((each) => typeof each === "string");
  return kind.type === "device" || kind.type === "plan";
}

/** The entry for typed text. Empty text means that no value is given. */
export function entryOf(field: Field, text: string): Entry {
  const typed = text.trim();
  if (typed === "") return { ...EMPTY, text };
  const { kind, canBeNone } = field.shape;
  if (typed === "None" && canBeNone) return { text, value: null, problem: "" };
  try {
    return { text, value: typedValue(field, typed), problem: "" };
  } catch (error) {
    if (!(error instanceof NotAValue)) throw error;
    const isNumber = kind.type === "number" && field.binding !== "others";
    return { text, value: undefined, problem: isNumber ? `${typed} is not a number` : error.message };
  }
}

function typedValue(field: Field, typed: string): Value {
  const { kind } = field.shape;
  if (field.binding === "others") return readValues(typed);
  if (field.binding === "other names") return dictionary(typed);
  if (kind.type === "text") return typed;
  if (kind.type === "number") {
    const value = readValue(typed);
    if (typeof value !== "number") throw new NotAValue("not a number", 0);
    return value;
  }
  if (kind.type !== "list") return readValue(typed);
  const values = readValues(typed);
  // The user may also type brackets around the whole list.
  return values.length === 1 && Array.isArray(values[0]) && /^[[(]/.test(typed) ? (values[0] as Value[]) : values;
}

function dictionary(typed: string): Value {
  const value = readValue(typed);
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new NotAValue("Expected a dictionary, such as {'name': 1}", 0);
  }
  return value;
}

export interface Filled {
  /** The call; null if the text of a field is not a valid value. */
  call: Call | null;
  /** Errors, by field name. */
  problems: Readonly<Record<string, string>>;
}

/** How an item passes its arguments: how many by position, and which ones by name. */
export interface Given {
  places: number;
  names: ReadonlySet<string>;
}

export const NOT_GIVEN: Given = { places: 0, names: new Set() };

export function givenBy(item: Call): Given {
  return { places: item.args?.length ?? 0, names: new Set(Object.keys(item.kwargs ?? {})) };
}

/** The call with these entries. Arguments stay positional or named as before; new required ones become positional. */
export function callOf(name: string, fields: readonly Field[], entries: Entries, before: Given): Filled {
  const problems: Record<string, string> = {};
  for (const field of fields) {
    const problem = entries[field.name]?.problem;
    if (problem) problems[field.name] = problem;
  }
  const others = fields.find((field) => field.binding === "others");
  const rest = (others && (entries[others.name]?.value as Value[] | undefined)) ?? [];
  const args: Value[] = [];
  const kwargs: Record<string, Value> = {};
  const ordered = fields.filter(isPlace);
  const least = lastPlace(ordered, entries, rest.length > 0);
  ordered.forEach((field, at) => {
    const value = entries[field.name]?.value;
    const isPositional = at < before.places || (field.isRequired && !before.names.has(field.name));
    if ((args.length === at && value !== undefined && isPositional) || at <= least) {
      const given = value === undefined ? field.default : value;
      if (given === undefined) problems[field.name] ??= "A value is required here, because positional arguments follow";
      args.push(given ?? null);
    } else if (value !== undefined) {
      kwargs[field.name] = value;
    }
  });
  args.push(...rest);
  for (const field of fields) {
    const value = entries[field.name]?.value;
    if (value === undefined) continue;
    if (field.binding === "name") kwargs[field.name] = value;
    if (field.binding === "other names") Object.assign(kwargs, value);
  }
  if (Object.keys(problems).length > 0) return { call: null, problems };
  const given = { ...(args.length > 0 ? { args } : {}), ...(Object.keys(kwargs).length > 0 ? { kwargs } : {}) };
  return { call: { item_type: "plan", name, ...given } as Call, problems };
}

/** The index of the last field that must be positional, because it is positional-only or `*args` follow; -1 if none. */
function lastPlace(ordered: readonly Field[], entries: Entries, areFollowed: boolean): number {
  if (areFollowed) return ordered.length - 1;
  return ordered.findLastIndex((field) => field.binding === "position" && entries[field.name]?.value !== undefined);
}

/** The field for the path of an error or a warning from the service. */
export function fieldAt(fields: readonly Field[], path: readonly (string | number)[]): Field | undefined {
  const [first] = path;
  if (first === undefined) return undefined;
  if (typeof first === "number")
    return fields.filter(isPlace)[first] ?? fields.find((each) => each.binding === "others");
  return fields.find((each) => each.name === first) ?? fields.find((each) => each.binding === "other names");
}

/** The number, changed by one step up or down within the limits. */
export function stepped(field: Field, value: number, direction: 1 | -1): number {
  const step = field.step ?? 1;
  const decimals = Math.max(decimalsOf(step), decimalsOf(value));
  const next = Number((value + direction * step).toFixed(Math.min(decimals, 12)));
  return Math.min(Math.max(next, field.min ?? -Infinity), field.max ?? Infinity);
}

function decimalsOf(value: number): number {
  const [digits = "", power = "0"] = String(value).split("e");
  return Math.max((digits.split(".")[1]?.length ?? 0) - Number(power), 0);
}
