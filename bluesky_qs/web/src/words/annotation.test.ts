import { expect, test } from "vitest";
import { kindText, shapeOf } from "./annotation";

const device = (ability?: string) => ({ type: "device", ...(ability ? { ability } : {}) });
const any = { type: "any" };

test.each([
  ["int", { type: "number", isInteger: true }, false],
  ["float", { type: "number", isInteger: false }, false],
  ["int | float", { type: "number", isInteger: false }, false],
  ["typing.Optional[int]", { type: "number", isInteger: true }, true],
  ["typing.Union[int, None]", { type: "number", isInteger: true }, true],
  ["bool", { type: "switch" }, false],
  ["str | None", { type: "text" }, true],
  ["typing.Literal['a', 'b', 3]", { type: "choice", choices: ["a", "b", 3] }, false],
  ["typing.Literal[None, True]", { type: "choice", choices: [null, true] }, false],
  ["__READABLE__", device("is_readable"), false],
  ["bluesky.protocols.Movable", device("is_movable"), false],
  ["bluesky.protocols.Stageable", device(), false],
  ["__MOVABLE__ | __READABLE__", device(), false],
  ["__PLAN__", { type: "plan" }, false],
  ["collections.abc.Sequence[__READABLE__]", { type: "list", item: device("is_readable") }, false],
  ["typing.List[float]", { type: "list", item: { type: "number", isInteger: false } }, false],
  ["tuple[int, ...]", { type: "list", item: { type: "number", isInteger: true } }, false],
  ["list", { type: "list", item: any }, false],
  ["list[float | None]", { type: "list", item: any }, false],
  ["tuple[int, str]", any, false],
  ["dict[str, typing.Any]", any, false],
  ["float | collections.abc.Iterable[float]", any, false],
  ["typing.Optional[typing.Callable[[int, str], dict]]", any, true],
  ["__MOVABLE__ | typing.Any", any, false],
  ["'int'", { type: "number", isInteger: true }, false],
  ["typing.Annotated[int, 'mm']", { type: "number", isInteger: true }, false],
  ["mymodule.Odd", any, false],
  ["int[", any, false],
  ["a + b", any, false],
  ["None", { type: "choice", choices: [null] }, false],
])("%s", (type, kind, canBeNone) => {
  expect(shapeOf({ type })).toEqual({ kind, canBeNone });
});

test("lists of names come with the annotation", () => {
  const devices = { Motors: ["m1", "m2"], Detectors: ["d1"] };
  expect(shapeOf({ type: "Motors", devices }).kind).toEqual({ type: "device", names: ["m1", "m2"] });
  expect(shapeOf({ type: "typing.Union[Motors, Detectors]", devices }).kind).toEqual({
    type: "device",
    names: ["m1", "m2", "d1"],
  });
  expect(shapeOf({ type: "typing.List[Modes]", enums: { Modes: ["fast", "slow"] } }).kind).toEqual({
    type: "list",
    item: { type: "choice", choices: ["fast", "slow"] },
  });
  expect(shapeOf({ type: "Plans", plans: { Plans: ["count"] } }).kind).toEqual({ type: "plan", names: ["count"] });
});

test("without a type, any value fits", () => {
  expect(shapeOf(undefined)).toEqual({ kind: any, canBeNone: false });
});

test("types have names for people", () => {
  expect(kindText(shapeOf({ type: "typing.Sequence[__READABLE__]" }))).toBe("list: detector");
  expect(kindText(shapeOf({ type: "int | None" }))).toBe("whole number or None");
  expect(kindText(shapeOf(undefined))).toBe("");
});
