import { expect, test } from "vitest";
import type { Value } from "../words/literal";
import type { Call } from "../words/plan";
import {
  callOf,
  editorOf,
  entriesOf,
  entryOf,
  type Field,
  fieldAt,
  fieldsOf,
  givenBy,
  NOT_GIVEN,
  type Plan,
  stepped,
} from "./form";

const KNOWN = new Set(["det1", "det2", "motor"]);

type Parameter = NonNullable<Plan["parameters"]>[number];
function parameter(name: string, type: string, more: Partial<Parameter> = {}): Parameter {
  return {
    name,
    kind: { name: "POSITIONAL_OR_KEYWORD", value: 1 },
    ...(type ? { annotation: { type } } : {}),
    ...more,
  };
}
const byName = { name: "KEYWORD_ONLY", value: 3 };
const others = { name: "VAR_POSITIONAL", value: 2 };
const otherNames = { name: "VAR_KEYWORD", value: 4 };

const COUNT: Plan = {
  name: "count",
  parameters: [
    parameter("detectors", "collections.abc.Sequence[__READABLE__]"),
    parameter("num", "int | None", { default: "1", min: "1", max: "100", step: "1" }),
    parameter("delay", "float", { default: "0.0" }),
    parameter("md", "dict", { default: "None", kind: byName }),
  ],
};
const SCAN: Plan = {
  name: "scan",
  parameters: [
    parameter("detectors", "collections.abc.Sequence[__READABLE__]"),
    parameter("args", "", { kind: others }),
    parameter("num", "int | None", { default: "None", kind: byName }),
  ],
};

function field(type: string, more: Partial<Parameter> = {}): Field {
  return fieldsOf({ name: "p", parameters: [parameter("x", type, more)] })[0] as Field;
}

/** The item that a form makes of an item, if nothing is changed. */
function again(plan: Plan | undefined, item: Call): Call | null {
  const fields = fieldsOf(plan, item);
  return callOf(item.name ?? "", fields, entriesOf(fields, item, KNOWN), givenBy(item)).call;
}

test.each<[string, string, string, Value | undefined]>([
  ["int", "number", "5", 5],
  ["float", "number", "1e-3", 0.001],
  ["bool", "switch", "True", true],
  ["str", "text", "S03 a", "S03 a"],
  ["typing.Literal['a', 2]", "choice", "2", 2],
  ["__READABLE__", "device", "det1", "det1"],
  ["__PLAN__", "plan", "count", "count"],
  ["list[__READABLE__]", "many", "det1, det2", ["det1", "det2"]],
  ["list[__READABLE__]", "many", "[det1]", ["det1"]],
  ["list[float]", "typed", "1, 2.5", [1, 2.5]],
  ["list[list[int]]", "typed", "[1, 2], [3]", [[1, 2], [3]]],
  ["dict", "typed", '{"a": [1, null]}', { a: [1, null] }],
  ["dict", "typed", "{'a': True}", { a: true }],
  ["int | None", "number", "None", null],
  ["", "typed", "motor", "motor"],
  ["typing.Any", "typed", "[1, 'two']", [1, "two"]],
  ["float", "number", "", undefined],
])("a parameter of type %s is filled in by %s: %s", (type, editor, text, value) => {
  expect(editorOf(field(type), undefined)).toBe(editor);
  expect(entryOf(field(type), text)).toEqual({ text, value, problem: "" });
});

test.each([
  ["int", "five", "five is not a number"],
  ["float", "1 mm", "1 mm is not a number"],
  ["", "two words", "Unexpected text after the value"],
  ["list[int]", "1, 2 3", "Expected ,"],
])("text that is no value says why: %s %s", (type, text, problem) => {
  expect(entryOf(field(type), text)).toEqual({ text, value: undefined, problem });
});

test("limits, steps, defaults and descriptions are those of the plan", () => {
  const num = fieldsOf(COUNT)[1] as Field;
  expect(num).toMatchObject({ min: 1, max: 100, step: 1, default: 1, defaultText: "1", isRequired: false });
  expect(fieldsOf(COUNT)[0]).toMatchObject({ isRequired: true, defaultText: "" });
  expect(field("float", { description: " in seconds\n", default: "<object>" })).toMatchObject({
    description: "in seconds",
    default: undefined,
    defaultText: "<object>",
  });
});

test("a step stays inside of the limits, and adds no digits", () => {
  const fine = field("float", { min: "0", max: "1", step: "0.1" });
  expect([stepped(fine, 0.2, 1), stepped(fine, 1, 1), stepped(fine, 0, -1)]).toEqual([0.3, 1, 0]);
  expect(stepped(field("int"), 5, -1)).toBe(4);
});

test.each<[string, Plan | undefined, Call]>([
  ["by position", COUNT, { args: [["det1"], 3] }],
  ["by name", COUNT, { kwargs: { detectors: ["det1"], num: 3, md: { a: 1 } } }],
  ["None", COUNT, { args: [["det1"]], kwargs: { num: null } }],
  ["None by position", COUNT, { args: [["det1"], null, 0.5] }],
  ["a value of another type", COUNT, { args: ["det1", "many"], kwargs: { delay: [1, 2] } }],
  ["unknown parameters", COUNT, { args: [["det1"]], kwargs: { nmu: 3 } }],
  ["too many arguments", COUNT, { args: [["det1"], 1, 0, "more", 5] }],
  ["a variable number", SCAN, { args: [["det1"], "motor", -1, 1], kwargs: { num: 5 } }],
  ["a plan without a description", undefined, { args: [1, { a: "b" }], kwargs: { x: null } }],
  ["text that only quotes keep", { name: "p", parameters: [parameter("x", "str")] }, { args: [" "] }],
])("a form keeps what it is given: %s", (_, plan, item) => {
  const call: Call = { item_type: "plan", name: plan?.name ?? "odd", ...item };
  expect(again(plan, call)).toEqual(call);
});

test("required parameters go by position, others by name", () => {
  const fields = fieldsOf(COUNT);
  const [detectors, num] = fields as [Field, Field];
  const entries = { detectors: entryOf(detectors, "det1"), num: entryOf(num, "3") };
  expect(callOf("count", fields, entries, NOT_GIVEN).call).toEqual({
    item_type: "plan",
    name: "count",
    args: [["det1"]],
    kwargs: { num: 3 },
  });
});

test("what is before a variable number of arguments is given by position", () => {
  const plan: Plan = {
    name: "p",
    parameters: [parameter("a", "int", { default: "1" }), parameter("b", ""), parameter("args", "", { kind: others })],
  };
  const fields = fieldsOf(plan);
  const rest = entryOf(fields[2] as Field, "motor, 1");
  expect(callOf("p", fields, { args: rest, b: entryOf(fields[1] as Field, "2") }, NOT_GIVEN).call?.args).toEqual([
    1,
    2,
    "motor",
    1,
  ]);
  expect(callOf("p", fields, { args: rest }, NOT_GIVEN).problems).toEqual({
    b: "A value is required here, because positional arguments follow",
  });
});

test("other names are a dictionary", () => {
  const fields = fieldsOf({ name: "p", parameters: [parameter("rest", "", { kind: otherNames })] });
  expect(callOf("p", fields, { rest: entryOf(fields[0] as Field, "{'a': 1}") }, NOT_GIVEN).call?.kwargs).toEqual({
    a: 1,
  });
  expect(entryOf(fields[0] as Field, "5").problem).toBe("Expected a dictionary, such as {'name': 1}");
});

test("an error of the service belongs to the field of its value", () => {
  expect(fieldAt(fieldsOf(COUNT), [1])?.name).toBe("num");
  expect(fieldAt(fieldsOf(COUNT), ["md", "a"])?.name).toBe("md");
  expect(fieldAt(fieldsOf(SCAN), [4])?.name).toBe("args");
  expect(fieldAt(fieldsOf(SCAN), [])).toBeUndefined();
});
