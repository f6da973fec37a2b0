/** Changes one parameter of a queued plan by name, by the prompt's rules (`ipython_extension/typed/calls.py`).
 * */

import type { Item } from "../source/source";

/** The keys of a description that are used here. */
interface Parameter {
  name: string;
  kind?: { name: string };
  description?: string;
}
export interface Plan {
  parameters?: readonly Parameter[];
}
/** Plans by name. */
export type Plans = Readonly<Record<string, Plan>>;

/** The values per axis of a scan, as bluesky's docstrings describe `*args`. */
const AXES = "motor, start, stop";

/** The parameters that all of these plans have, in the order of the first plan. */
export function commonParameters(plans: readonly (Plan | undefined)[]): string[] {
  const [first, ...more] = plans.map((plan) => (plan?.parameters ?? []).filter(isNamed).map(({ name }) => name));
  return (first ?? []).filter((name) => more.every((names) => names.includes(name)));
}

/** The item with a new value. A positional argument stays positional; as a named argument, it would be given twice. */
export function withParameter(item: Item, plan: Plan | undefined, name: string, value: unknown): Item {
  const args = [...(item.args ?? [])];
  const kwargs = { ...(item.kwargs ?? {}) };
  const place = places(plan).indexOf(name);
  if (place >= 0 && place < args.length) args[place] = value;
  else if (!(name in kwargs) && isLast(item, plan, name)) args[args.length - 1] = value;
  else kwargs[name] = value;
  return { ...item, args, kwargs };
}

/** Why a parameter cannot be changed by name; empty if it can. The values in `*args` have no names, so one of them may
 * already be this parameter, such as the number of points at the end of a scan. */
export function objection(item: Item, plan: Plan | undefined, name: string, value: unknown): string {
  const parameters = plan?.parameters ?? [];
  const spread = (item.args ?? []).slice(places(plan).length);
  const hasSpread = parameters.some((each) => kindOf(each) === "VAR_POSITIONAL");
  if (!hasSpread || name in (item.kwargs ?? {}) || places(plan).includes(name)) return "";
  const found = parameters.find((each) => each.name === name);
  if (found && kindOf(found) === "VAR_POSITIONAL") return `the values of *${name} have no names: edit the whole plan`;
  if (isLast(item, plan, name) !== null) return "";
  if (!found && !parameters.some((each) => kindOf(each) === "VAR_KEYWORD")) {
    return spread.length > 0 ? `${item.name} has no parameter '${name}'` : "";
  }
  if (spread.length === 0 || typeof spread.at(-1) !== typeof value) return "";
  return `the last value in *args may already be '${name}': edit the whole plan`;
}

/** Whether the last value in `*args` is this parameter; null if the plan's description does not show it. */
function isLast(item: Item, plan: Plan | undefined, name: string): boolean | null {
  const parameters = plan?.parameters ?? [];
  const isScan = parameters.some((each) => kindOf(each) === "VAR_POSITIONAL" && each.description?.includes(AXES));
  const over = Math.max((item.args ?? []).length - places(plan).length, 0) % AXES.split(", ").length;
  const isKnown = isScan && name === "num" && parameters.some((each) => each.name === "num") && over < 2;
  return isKnown ? over === 1 : null;
}

/** The names of the parameters that can be positional. */
function places(plan: Plan | undefined): string[] {
  return (plan?.parameters ?? []).filter((each) => kindOf(each).startsWith("POSITIONAL")).map(({ name }) => name);
}

function isNamed(parameter: Parameter): boolean {
  return !kindOf(parameter).startsWith("VAR_") && kindOf(parameter) !== "POSITIONAL_ONLY";
}

function kindOf(parameter: Parameter): string {
  return parameter.kind?.name ?? "";
}
