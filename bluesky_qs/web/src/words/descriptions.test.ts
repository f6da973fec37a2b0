import { expect, test } from "vitest";
import { plainText, summaryOf } from "./descriptions";

const ARGS = `For one dimension, \`\`motor, start, stop\`\`.
In general:

.. code-block:: python

    motor1, start1, stop1,
    ...

Motors can be any 'settable' object`;

test("marks of documentation are left out", () => {
  expect(plainText("See docstring of :func:`bluesky.plan_stubs.one_nd_step` (the default)")).toBe(
    "See docstring of bluesky.plan_stubs.one_nd_step (the default)",
  );
  expect(plainText(ARGS)).toBe(
    "For one dimension, motor, start, stop.\nIn general:\n\n    motor1, start1, stop1,\n    ...\n\n" +
      "Motors can be any 'settable' object",
  );
  expect(plainText(undefined)).toBe("");
});

test("the first sentence stands alone, and the rest is one step away", () => {
  expect(summaryOf(ARGS)).toEqual({ first: "For one dimension, motor, start, stop.", rest: plainText(ARGS) });
  expect(summaryOf("number of points")).toEqual({ first: "number of points", rest: "" });
  expect(summaryOf("one two three four", 12).first).toBe("one two …");
});
