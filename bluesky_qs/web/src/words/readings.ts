/** Device readings in words, as `%qs read` shows them. */

import type { Schemas } from "../source/source";
import { kindWord } from "./choices";
import { numberText } from "./numbers";
import type { Clock } from "./status";

export type DeviceReading = Schemas["DeviceReading"];
type Description = Schemas["DeviceDescription"];

/** Maximum number of characters of a value. */
const LONGEST = 60;
/** Seconds since 1970 from which JavaScript has no dates. */
const NO_DATE = 8.64e12;

/** `motor`, `detector`, `signal`; empty for a group of devices. */
export function deviceKind(device: Description): string {
  if (!device.classname.includes("Signal")) return kindWord(device);
  return device.is_movable ? "signal" : "read-only signal";
}

/** The value without its unit: `2.5`, `open`, `array of 3 by 4`; `–` if there is none. */
export function readingText({ value, shape }: { value?: unknown; shape?: readonly number[] }): string {
  if (shape?.length) return `array of ${shape.join(" by ")}`;
  if (typeof value === "number") return numberText(value);
  if (value === null || value === undefined) return "–";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  const characters = [...text];
  return characters.length > LONGEST ? `${characters.slice(0, LONGEST - 1).join("")}…` : text;
}

/** `-10 … 10`; empty without limits. */
export function limitsText(limits: readonly number[] | null | undefined): string {
  return limits ? limits.map(numberText).join(" … ") : "";
}

/** The time of a reading, in the beamline's time zone; empty if the device does not give it. */
export function readingTime(timestamp: number | null | undefined, { zone, now }: Clock): string {
  if (!timestamp) return "";
  return Math.abs(timestamp) < NO_DATE ? zone.moment(timestamp, now) : String(timestamp); // a clock may be wrong
}
