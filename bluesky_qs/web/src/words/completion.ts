/** Completes plans, parameters, devices and values as the prompt does (`ipython_extension/words/completion.py`). A
 * test compares the two. */

import type { Schemas } from "../source/source";
import { literal } from "./literal";
import { valueText } from "./plan";
import { type Bracket, lastOpen, type Token } from "./tokens";

type Plan = Schemas["PlanDescription"];
type Parameter = Schemas["ParameterDescription"];
type Device = Schemas["DeviceDescription"];

export interface Known {
  plans: Readonly<Record<string, Plan>>;
  devices: Readonly<Record<string, Device>>;
}

export interface Offer {
  text: string;
  kind: "plan" | "instruction" | "parameter" | "device" | "value";
}

/** Suggestions, and the fragment at the end of the text that each of them replaces. */
export interface Offers {
  fragment: string;
  offers: Offer[];
}

/** Return the completions at the end of a text. */
export function offersFor(text: string, known: Known): Offers {
  const inside = callAtEnd(text);
  if (inside === null) return planNames(text, known);
  const fragment = /[\p{L}\p{N}_.]*$/u.exec(text)?.[0] ?? "";
  const plan = Object.hasOwn(known.plans, inside.name) ? known.plans[inside.name] : undefined;
  const given = split(inside.open[0] as Bracket);
  const last = given.at(-1)?.trimStart() ?? "";
  const parameter = plan && parameterOf(plan, given, last);
  const hasPlace = parameter !== undefined && !followsAMotor(parameter, given, known.devices);
  const values = hasPlace || !plan ? valueOffers(fragment, parameter, known) : [];
  if (inside.open.length > 1 || last !== fragment || fragment.includes(".")) return { fragment, offers: values };
  const named = fitting(fragment, plan ? parameterNames(plan, given) : []);
  // Motors come first if they can only be passed in *args.
  const isNext = parameter !== undefined && kindOf(parameter) === "VAR_POSITIONAL";
  return { fragment, offers: isNext ? [...values, ...named] : [...named, ...values] };
}

/** Suggestions while the user types: none after a complete value, so that Tab does not add one by accident. */
export function offersWhileTyping(text: string, known: Known): Offers {
  const found = offersFor(text, known);
  return found.fragment || /(?:^|[([{,=:])\s*$/.test(text) ? found : { ...found, offers: [] };
}

/** Suggestions for a comma-separated list of values, such as `*args`. */
export function offersForValue(text: string, known: Known): Offers {
  const { fragment } = offersFor(`_(${text}`, { plans: {}, devices: {} });
  const open = callAtEnd(`_(${text}`);
  if (open === null || !/^[\p{L}_]/u.test(fragment)) return { fragment, offers: [] };
  return { fragment, offers: valueOffers(fragment, undefined, { plans: {}, devices: known.devices }) };
}

function planNames(text: string, known: Known): Offers {
  const fragment = /[^\s=]*$/.exec(text)?.[0] ?? "";
  // The field holds only one plan.
  if (text.slice(0, text.length - fragment.length).trim()) return { fragment, offers: [] };
  const names = Object.keys(known.plans).sort();
  return {
    fragment,
    offers: fitting(fragment, [
      ...names.map((name): Offer => ({ text: name, kind: "plan" })),
      { text: "queue_stop", kind: "instruction" },
    ]),
  };
}

interface Inside {
  name: string;
  /** The open brackets, outermost first. */
  open: Bracket[];
}

/** The call that contains the end of the text; null outside calls and in strings. */
function callAtEnd(text: string): Inside | null {
  const opened = lastOpen(text);
  if (opened === null) return null;
  let name = "";
  let open: Bracket[] = [];
  for (const bracket of opened) {
    if (open.length === 0 || (name === "RE" && open.length === 1 && text[bracket.start] === "(")) {
      open = [];
      name = /[\p{L}\p{N}_.$]*$/u.exec(text.slice(0, bracket.start).trimEnd())?.[0] ?? "";
    }
    open.push(bracket);
  }
  return open.length > 0 ? { name, open } : null;
}

/** The arguments of a call, without the contents of inner brackets. */
function split(bracket: Bracket): string[] {
  const parts = [""];
  let end = bracket.start + 1;
  const add = (text: string) => {
    parts[parts.length - 1] += text;
  };
  for (const token of bracket.inner) {
    add(" ".repeat(token.start - end));
    if (token.kind === "separator") parts.push("");
    else add(textOf(token));
    end = token.end;
  }
  add(" ".repeat(bracket.end - end));
  return parts;
}

function textOf(token: Token): string {
  if (token.kind !== "brackets") return token.text;
  return token.isClosed ? ")" : "";
}

const NAMED = /^\s*(\w+)\s*=(?!=)/;

/** The parameter that is being typed. */
function parameterOf(plan: Plan, given: string[], last: string): Parameter | undefined {
  const parameters = plan.parameters ?? [];
  const named = NAMED.exec(last)?.[1];
  if (named !== undefined) return parameters.find((each) => each.name === named);
  if (given.slice(0, -1).some((each) => NAMED.test(each))) return undefined; // only named arguments can follow
  const places = positional(plan);
  if (given.length <= places.length) return places[given.length - 1];
  return parameters.find((each) => kindOf(each) === "VAR_POSITIONAL");
}

function parameterNames(plan: Plan, given: string[]): Offer[] {
  const named = new Set(given.map((each) => /^\s*(\w+)\s*=/.exec(each)?.[1]).filter((name) => name !== undefined));
  const count = Math.max(given.length - 1 - named.size, 0);
  const taken = new Set([
    ...named,
    ...positional(plan)
      .slice(0, count)
      .map((each) => each.name),
  ]);
  return (plan.parameters ?? [])
    .filter((each) => !kindOf(each).startsWith("VAR_") && kindOf(each) !== "POSITIONAL_ONLY" && !taken.has(each.name))
    .map((each) => ({ text: `${each.name}=`, kind: "parameter" }));
}

/** Whether a position after a motor is being typed, as in `scan([det1], motor, -1`. */
function followsAMotor(parameter: Parameter, given: string[], devices: Known["devices"]): boolean {
  const before = given.at(-2)?.trim() ?? "";
  return kindOf(parameter) === "VAR_POSITIONAL" && Boolean(deviceAt(devices, before)?.is_movable);
}

/** Find a device or a component by name: `sim_stage.x`. */
export function deviceAt(devices: Known["devices"], name: string): Device | undefined {
  let level: Known["devices"] = devices;
  let found: Device | undefined;
  for (const part of name.split(".")) {
    found = Object.hasOwn(level, part) ? level[part] : undefined;
    level = found?.components ?? {};
  }
  return found;
}

/** Devices that suit a parameter; after a dot, components. */
function valueOffers(fragment: string, parameter: Parameter | undefined, known: Known): Offer[] {
  const dot = fragment.lastIndexOf(".");
  if (dot >= 0) {
    const parent = fragment.slice(0, dot);
    const inner = Object.keys(deviceAt(known.devices, parent)?.components ?? {}).sort();
    return fitting(
      fragment,
      inner.map((name) => ({ text: `${parent}.${name}`, kind: "device" })),
    );
  }
  const { listed, choices } = named(parameter);
  if (listed.length > 0 || choices.length > 0) {
    const beginning = choices.filter((text) => text.replace(/^'|'$/g, "").startsWith(fragment));
    return [...fitting(fragment, listed.map(asValue)), ...beginning.map(asValue)];
  }
  return fitting(fragment, devicesAndPlans(parameter, known));
}

const asValue = (text: string): Offer => ({ text, kind: "value" });

/** The names and other values that a parameter's type lists, as the user would type them. */
function named(parameter: Parameter | undefined): { listed: string[]; choices: string[] } {
  const { devices = {}, plans = {}, enums = {} } = parameter?.annotation ?? { type: "" };
  const listed = [...Object.values(devices), ...Object.values(plans)].flat().filter((name) => name !== null);
  const members = Object.values(enums)
    .flat()
    .map((name) => valueText(name));
  return { listed, choices: [...new Set([...members, ...choicesOf(parameter?.annotation?.type ?? "")])] };
}

const FEW = /\bLiteral\[((?:[^\]'"]|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")*)\]|\bbool\b/g;

/** The values of a type that has only a few: `Literal`, `bool`. */
function choicesOf(type: string): string[] {
  return [...type.matchAll(FEW)].flatMap(([, members]) => {
    if (members === undefined) return ["True", "False"];
    const values = literal(`[${members}]`);
    return Array.isArray(values) ? values.map((each) => valueText(each)) : [];
  });
}

const MARKS = { __READABLE__: "is_readable", __MOVABLE__: "is_movable", __FLYABLE__: "is_flyable" } as const;

function devicesAndPlans(parameter: Parameter | undefined, known: Known): Offer[] {
  const type = parameter?.annotation?.type ?? "";
  let wanted: (typeof MARKS)[keyof typeof MARKS][] = Object.entries(MARKS)
    .filter(([mark]) => type.includes(mark))
    .map(([, ability]) => ability);
  if (wanted.length === 0 && parameter && isOfData(parameter, type)) return [];
  // Without a type, assume motors with their positions, as in grid_scan.
  if (!type && parameter && kindOf(parameter) === "VAR_POSITIONAL") wanted = ["is_movable"];
  const names = Object.keys(known.devices).sort();
  const suitable = names.filter((name) => wanted.every((ability) => known.devices[name]?.[ability]));
  const devices = (suitable.length > 0 ? suitable : names).map((text): Offer => ({ text, kind: "device" }));
  const plans = wanted.length > 0 ? [] : Object.keys(known.plans).sort();
  return [...devices, ...plans.map((text): Offer => ({ text, kind: "plan" }))];
}

/** An annotation that contains only these names is for numbers. */
const OF_NUMBERS = new Set(
  "int float complex bool None Optional Union Iterable Sequence List list Tuple tuple typing collections abc".split(
    " ",
  ),
);
/** An annotation that contains one of these names is not for devices unless it also mentions devices. */
const OF_DATA = new Set("str bytes dict Dict Mapping Hashable Callable __CALLABLE__".split(" "));

/** Whether a parameter takes numbers, text or similar data, judging by its type, its default or its name. */
function isOfData(parameter: Parameter, type: string): boolean {
  if (type) {
    const words = type.match(/\w+/g) ?? [];
    return words.every((word) => OF_NUMBERS.has(word)) || words.some((word) => OF_DATA.has(word));
  }
  if (parameter.name === "md") return true;
  const value = literal(parameter.default);
  return value !== undefined && value !== null && !Array.isArray(value);
}

function positional(plan: Plan): Parameter[] {
  return (plan.parameters ?? []).filter((each) => kindOf(each).startsWith("POSITIONAL"));
}

function kindOf(parameter: Parameter): string {
  return parameter.kind?.name ?? "";
}

/** The suggestions that start with the fragment, without duplicates. */
function fitting(fragment: string, offers: Offer[]): Offer[] {
  const found = new Map<string, Offer>();
  for (const each of offers) if (each.text.startsWith(fragment)) found.set(each.text, each);
  return [...found.values()];
}
