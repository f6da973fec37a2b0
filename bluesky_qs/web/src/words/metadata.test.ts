import { expect, test } from "vitest";
import { metaKind, metaOf, metaProblem, metaRows, metaText, metaValue } from "./metadata";

test.each([
  ["S03", "S03", ""],
  ["Si 111", "Si 111", ""],
  ["2026-114", "2026-114", ""],
  ["007", "007", ""],
  ["'180'", "180", ""],
  ["180", 180, "number"],
  ["-1.5", -1.5, "number"],
  ["True", true, "True or False"],
  ["None", null, "None"],
  ["[1, 2]", [1, 2], "list"],
  ["{'a': 1}", { a: 1 }, "dictionary"],
  ["it's", "it's", ""],
])("%s means a value of the right kind", (text, value, kind) => {
  expect(metaValue(text)).toEqual(value);
  expect(metaKind(text)).toBe(kind);
  expect(metaValue(metaText(value))).toEqual(value);
});

test("the rows of an item make its metadata again", () => {
  const meta = { sample: "S03", number: "180", temperature: 180, list: [1, "a"] };
  expect(metaOf(metaRows(meta))).toEqual(meta);
  expect(metaRows([{ a: 1 }, { a: 2, b: 3 }])).toEqual([
    { key: "a", text: "1" },
    { key: "b", text: "3" },
  ]);
});

test("empty rows do not count; a value needs a name, and only one", () => {
  const row = (key: string, text: string) => ({ key, text });
  expect(metaOf([row("", ""), row("a", "1")])).toEqual({ a: 1 });
  expect(metaProblem([row("", ""), row("a", "1")])).toBe("");
  expect(metaProblem([row("", "1")])).toBe("Metadata needs a name for each value.");
  expect(metaProblem([row("a", "1"), row(" a", "2")])).toBe("Metadata 'a' is given twice.");
});
