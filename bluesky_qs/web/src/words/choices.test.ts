import { expect, test } from "vitest";
import { choicesFor } from "./choices";
import type { Known } from "./completion";
import examples from "./prompt.json";

const known = examples.described as unknown as Known;
const names = (...given: Parameters<typeof choicesFor>) => choicesFor(...given).map(({ text }) => text);

test("devices are chosen by kind, and their parts are found by name", () => {
  expect(names({ type: "device", ability: "is_movable" }, "", known)).toEqual(["motor", "motor2", "shutter"]);
  expect(names({ type: "device", ability: "is_movable" }, "x", known)).toEqual(["stage.x"]);
  expect(names({ type: "device", names: ["motor2", "gone"] }, "", known)).toEqual(["motor2", "gone"]);
  expect(choicesFor({ type: "device" }, "det", known)).toEqual([{ text: "det1", note: "detector · D" }]);
});

test("what begins with the typed text comes first", () => {
  expect(names({ type: "device" }, "V", known)).toEqual(["motor.velocity"]);
  expect(names({ type: "plan" }, "c", known)).toEqual(["count", "scan"]);
  expect(names({ type: "choice", choices: ["fast", 3, null] }, "", known)).toEqual(["'fast'", "3", "None"]);
});
