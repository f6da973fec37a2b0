/** Devices and plans to choose from, filtered by kind and typed text. */

import type { Schemas } from "../source/source";
import type { Kind } from "./annotation";
import type { Known } from "./completion";
import { summaryOf } from "./descriptions";
import { valueText } from "./plan";

type Device = Schemas["DeviceDescription"];

export interface Choice {
  text: string;
  /** `motor`, or the class of the device. */
  note: string;
}

/** The choices of a kind that contain the typed text. Those that start with it come first. */
export function choicesFor(kind: Kind, typed: string, known: Known): Choice[] {
  const wanted = typed.trim().toLowerCase();
  const found = allOf(kind, known, wanted !== "").filter(({ text }) => text.toLowerCase().includes(wanted));
  const rank = ({ text }: Choice) => (text.toLowerCase().startsWith(wanted) ? 0 : 1);
  return found.sort((a, b) => rank(a) - rank(b));
}

function allOf(kind: Kind, known: Known, isSearch: boolean): Choice[] {
  if (kind.type === "choice") return kind.choices.map((value) => ({ text: valueText(value), note: "" }));
  if (kind.type === "plan") return plans(known, kind.names);
  if (kind.type !== "device") return [];
  const devices = new Map(devicesOf(known.devices));
  if (kind.names) return kind.names.map((name) => ({ text: name, note: noteOf(devices.get(name)) }));
  const fits = (device: Device) => !device.excluded && (!kind.ability || device[kind.ability]);
  // Device components are offered only if the text matches, because there are many.
  return [...devices]
    .filter(([name, device]) => fits(device) && (isSearch || !name.includes(".")))
    .map(([name, device]) => ({ text: name, note: noteOf(device) }));
}

function plans({ plans: described }: Known, names: readonly string[] | undefined): Choice[] {
  const all = names ?? Object.keys(described).sort();
  return all.map((name) => ({ text: name, note: summaryOf(described[name]?.description).first }));
}

function* devicesOf(devices: Readonly<Record<string, Device>>, prefix = ""): Generator<[string, Device], void> {
  for (const [name, device] of Object.entries(devices).sort(([a], [b]) => (a < b ? -1 : 1))) {
    yield [prefix + name, device];
    if (device.components) yield* devicesOf(device.components, `${prefix}${name}.`);
  }
}

function noteOf(device: Device | undefined): string {
  if (!device) return "";
  return [kindWord(device), device.classname].filter(Boolean).join(" · ");
}

/** `motor`, `detector`, `flyer`; empty for a group of devices. */
export function kindWord(device: Pick<Device, "is_movable" | "is_readable" | "is_flyable">): string {
  return device.is_movable ? "motor" : device.is_readable ? "detector" : device.is_flyable ? "flyer" : "";
}
