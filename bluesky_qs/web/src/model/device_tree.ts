/** The device tree, as a list of the lines that are shown. */

import type { Schemas } from "../source/source";
import { deviceKind } from "../words/readings";

export type Description = Schemas["DeviceDescription"];

/** A line in the tree. */
export interface Line {
  /** The name in plans, with dots: `stage.x`. */
  name: string;
  /** The last part of the name. */
  label: string;
  device: Description;
  /** The name of the device that this device is a part of; null at the top level. */
  parent: string | null;
  /** The level in the tree; 1 at the top. */
  level: number;
  /** The place among the siblings, counted from 1, and the number of siblings. */
  place: number;
  siblings: number;
  hasParts: boolean;
  isOpen: boolean;
}

type Devices = Readonly<Record<string, Description>>;

/** The lines for these devices, including the parts of open devices. */
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

/** The devices that match a text, and the devices that contain them. */
export interface Found {
  devices: Devices;
  /** The devices above a match. */
  opened: ReadonlySet<string>;
  /** The number of matches. */
  count: number;
}

/** Search for devices with all of these words in their name, class or kind. The parts of a match are not searched. */
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

/** The description of the device or part with this name; undefined if there is none. */
export function deviceAt(devices: Devices, name: string): Description | undefined {
  const [first = "", ...rest] = name.split(".");
  return rest.reduce<Description | undefined>((above, part) => above?.components?.[part], devices[first]);
}

/** Whether the service can read a device, and whether the user may use it. */
export function isReadable(device: Description): boolean {
  return device.is_readable && !device.excluded;
}
