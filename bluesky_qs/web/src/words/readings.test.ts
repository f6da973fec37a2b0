import { expect, test } from "vitest";
import { deviceKind, limitsText, readingText, readingTime } from "./readings";
import { Zone } from "./times";

const CLOCK = { now: 1_700_000_000, zone: new Zone(0) };
const device = (classname: string, is_movable = false, is_readable = true) => ({
  classname,
  module: "",
  is_readable,
  is_movable,
  is_flyable: false,
});

test("values are short and for people", () => {
  expect(readingText({ value: 2.5000001 })).toBe("2.5");
  expect(readingText({ value: 0.00000012345 })).toBe("1.235e-07");
  expect(readingText({ value: "open" })).toBe("open");
  expect(readingText({ value: false })).toBe("false");
  expect(readingText({ value: null })).toBe("–");
  expect(readingText({ value: null, shape: [3, 4] })).toBe("array of 3 by 4");
  expect(readingText({ value: [1, 2] })).toBe("[1,2]");
  expect(readingText({ value: "x".repeat(100) })).toBe(`${"x".repeat(59)}…`);
});

test("limits and times are as at the prompt, also if a device has a wrong clock", () => {
  expect(limitsText([-1, 10.5])).toBe("-1 … 10.5");
  expect(limitsText(null)).toBe("");
  expect(readingTime(1_700_000_000, CLOCK)).toBe("22:13:20");
  expect(readingTime(0, CLOCK)).toBe("");
  expect(readingTime(1e300, CLOCK)).toBe("1e+300");
});

test("the kind of a device comes from what it can do, and signals are named", () => {
  expect(deviceKind(device("EpicsMotor", true))).toBe("motor");
  expect(deviceKind(device("SynGauss"))).toBe("detector");
  expect(deviceKind(device("EpicsSignal", true))).toBe("signal");
  expect(deviceKind(device("EpicsSignalRO"))).toBe("read-only signal");
  expect(deviceKind(device("Stage", false, false))).toBe("");
});
