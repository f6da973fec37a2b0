import { expect, test } from "vitest";
import { literal, NotAValue, readValue, readValues } from "./literal";
import { valueText } from "./plan";

test.each([
  ["1", 1],
  ["-1.5e-3", -0.0015],
  ["1_000", 1000],
  ["None", null],
  ["null", null],
  ["True", true],
  ["det1", "det1"],
  ["vec.axes[1]", "vec.axes.1"],
  ["sim.x.setpoint", "sim.x.setpoint"],
  ["'it\\'s'", "it's"],
  ['"Å \\u00b5m\\n"', "Å µm\n"],
  ["[det1, [1, 2], ]", ["det1", [1, 2]]],
  ["(1, 'a')", [1, "a"]],
  ["{'a': [1], b: {}}", { a: [1], b: {} }],
  ['{"a": true}', { a: true }],
])("%s is a value", (text, value) => {
  expect(readValue(text)).toEqual(value);
});

test.each([
  ["", "A value is missing", 0],
  ["[1, 2", "Expected ,", 5],
  ["1 2", "Unexpected text after the value", 2],
  ["5mm", "Numbers cannot have units here: write 5, or put text in quotes", 1],
  ["'abc", "The closing quote is missing", 0],
  ["{1: 2}", "A dictionary key must be text", 1],
  ["open('x')", "Unexpected text after the value", 4],
  ["1e999", "1e999 is too large", 5],
  ["[".repeat(60), "This is nested too deeply", 50],
])("%s is no value, and the error says where", (text, message, at) => {
  const error = (() => {
    try {
      readValue(text);
    } catch (found) {
      return found as NotAValue;
    }
    return null;
  })();
  expect(error).toBeInstanceOf(NotAValue);
  expect([error?.message, error?.at]).toEqual([message, at]);
});

test("several values are separated by commas", () => {
  expect(readValues("motor, -1, [1, 2]")).toEqual(["motor", -1, [1, 2]]);
  expect(readValues(" ")).toEqual([]);
});

test("what is written as a plan is read as the same value", () => {
  const value = [0.00001, 'it\'s "so"', "motor", { "a b": [null, true, -2], c: "\\x\u0001" }, 2.5e20];
  expect(readValue(valueText(value, new Set(["motor"])))).toEqual(value);
});

test("a default that is an object of the plan's own has no value", () => {
  expect(literal("<function one_shot at 0x7f>")).toBeUndefined();
  expect(literal("'x'")).toBe("x");
  expect(literal(undefined)).toBeUndefined();
});
