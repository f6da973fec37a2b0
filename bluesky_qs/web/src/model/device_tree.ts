/** The tree of devices as the list of its lines that are shown. */

import type { Schemas } from "../source/source";
import { deviceKind } from "../words/readings";

export type Description = Schemas["DeviceDescription"];

/** A line of the tree. */
export interface Line {
  /** The name in plans, with dots: `stage.x`. */
  name: string;
  /** The last part of the name. */
  label: string;
  device: Description;
  /** The name of the device that it is a part of; null at the top. */
  parent: string | null;
  /** 1 at the top. */
  level: number;
  /** The place among its siblings, from 1, and how many there are. */
  place: number;
  siblings: number;
  hasParts: boolean;
  isOpen: boolean;
}

type Devices = Readonly<Record<string, Description>>;

/** The lines of devices, with the parts of those that are open. */
export function linesOf(devices: Devices, opened: ReadonlySet<string>): Line[] {
  const lines: Line[] = [];
  const add = (parts: Devices, parent: string | null, level: number) => {
    const entries = Object.entries(parts);
    entries.forEach(([label, device], at) => {
      const name = parent === null ? label : `${parent}.${label}`;
      const hasParts = Object.keys(device.components ?? {}).length > 0;
      const isOpen = hasParts && opened.has(name);
      const place = { place: at + 1, siblings: entries.length };
      lines.push({ name, label, device, parent, level, ...place, hasParts, isOpen });
      if (isOpen && device.components) add(device.components, name, level + 1);
    });
  };
  add(devices, null, 1);
  return lines;
}

/** The devices that match a text, with those that they are a part of. */
export interface Found {
  devices: Devices;
  /** The devices above a match. */
  opened: ReadonlySet<string>;
  /** How many match. */
  count: number;
}

/** Search for words, each in the name, the class or the kind of a device. The parts of a match are not searched. */
export function search(devices: Devices, text: string): Found {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const opened = new Set<string>();
  let count = 0;
  const match = (name: string, device: Description): Description | null => {
    const described = `${name} ${device.classname} ${deviceKind(device)}`.toLowerCase();
    if (words.every((word) => described.includes(word))) {
      count += 1;
      return device;
    }
    const components = matching(device.components ?? {}, `${name}.`);
    if (Object.keys(components).length === 0) return null;
    opened.add(name);
    return { ...device, components };
  };
  const matching = (parts: Devices, prefix: string): Record<string, Description> => {
    const found = Object.entries(parts).map(([label, device]) => [label, match(prefix + label, device)] as const);
    return Object.fromEntries(found.filter((each): each is [string, Description] => each[1] !== null));
  };
  return { devices: matching(devices, ""), opened, count };
}

/** The description of a device or a part by its name; undefined if there is none. */
export function deviceAt(devices: Devices, name: string): Description | undefined {
  const [first = "", ...rest] = name.split(".");
  return rest.reduce<Description | undefined>((above, part) => above?.components?.[part], devices[first]);
}

/** Whether the service can read a device, and whether the user may use it. */
export function isReadable(device: Description): boolean {
  return device.is_readable && !device.excluded;
}
