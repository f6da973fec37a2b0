import { beforeEach, expect, test } from "vitest";
import { Selection } from "./selection";

let selection: Selection;
const chosen = () => selection.inOrder().join(" ");

beforeEach(() => {
  selection = new Selection();
  selection.follow(["a", "b", "c", "d", "e"]);
});

test("Shift selects from where the selection began, also back again", () => {
  selection.choose("c");
  selection.extend("e");
  expect(chosen()).toBe("c d e");
  selection.extend("b");
  expect(chosen()).toBe("b c");
});

test("single rows are added and taken out; all, and none", () => {
  selection.toggle("d");
  selection.toggle("a");
  expect(chosen()).toBe("a d");
  selection.toggle("d");
  expect(chosen()).toBe("a");
  selection.all();
  expect(chosen()).toBe("a b c d e");
  selection.none();
  expect(chosen()).toBe("");
});

test("the selection follows the items when others move and remove them", () => {
  selection.choose("b");
  selection.toggle("d");
  selection.follow(["d", "e", "c", "b", "a"]);
  expect(chosen()).toBe("d b");
  selection.follow(["e", "c", "b", "a"]);
  expect(chosen()).toBe("b");
  expect(selection.current.value).toBe("e");
});

test("if the current row has left, the next one is current, and the last one at the end", () => {
  selection.choose("c");
  selection.follow(["a", "b", "e"]);
  expect([chosen(), selection.current.value]).toEqual(["", "e"]);
  selection.follow(["a", "b"]);
  expect(selection.current.value).toBe("b");
  selection.follow([]);
  expect(selection.current.value).toBe(null);
});

test("the keys begin at an end of the list, and stop there", () => {
  expect(selection.below(1)).toBe("a");
  expect(selection.below(-1)).toBe("e");
  expect(selection.below(Number.POSITIVE_INFINITY)).toBe("e");
  expect(selection.below(Number.NEGATIVE_INFINITY)).toBe("a");
  selection.choose("d");
  expect(selection.below(10)).toBe("e");
  expect(selection.below(Number.NEGATIVE_INFINITY)).toBe("a");
  selection.follow([]);
  expect(selection.below(1)).toBe(null);
});

test("new items are selected as soon as they are there, unless something else is selected before", () => {
  selection.choose("a");
  selection.chooseWhenThere(["x", "y"]);
  selection.follow(["a", "x"]);
  expect(chosen()).toBe("a");
  selection.follow(["a", "x", "y"]);
  expect(chosen()).toBe("x y");
  selection.chooseWhenThere(["z"]);
  selection.choose("a");
  selection.follow(["a", "z"]);
  expect(chosen()).toBe("a");
});
