import { expect, test } from "vitest";
import { commandOf, stepOf } from "./queue_keys";

const NONE = { altKey: false, ctrlKey: false, metaKey: false, shiftKey: false };

test.each([
  ["ArrowDown", {}, { by: 1, how: "choose" }],
  ["ArrowUp", { shiftKey: true }, { by: -1, how: "extend" }],
  ["PageDown", { ctrlKey: true }, { by: 10, how: "go" }],
  ["End", { shiftKey: true }, { by: Number.POSITIVE_INFINITY, how: "extend" }],
  ["ArrowUp", { altKey: true }, null],
  ["x", {}, null],
])("%s with %o goes %o", (key, held, step) => {
  expect(stepOf({ ...NONE, key, ...held })).toEqual(step);
});

test.each([
  ["ArrowUp", { altKey: true }, "up"],
  ["End", { altKey: true }, "back"],
  ["a", { ctrlKey: true }, "all"],
  ["a", { metaKey: true }, "all"],
  ["a", {}, null],
  ["z", { ctrlKey: true, shiftKey: true }, null],
  ["Delete", {}, "remove"],
  ["Delete", { altKey: true }, null],
  [" ", {}, "toggle"],
])("%s with %o does %s", (key, held, command) => {
  expect(commandOf({ ...NONE, key, ...held })).toBe(command);
});
