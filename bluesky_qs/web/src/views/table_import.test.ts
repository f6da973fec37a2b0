import { expect, test } from "vitest";
import type { Sheet } from "../model/sheet_import";
import { summary } from "./table_import";

const fault = { row: 2, column: 1, msg: "no device" };

test.each([
  [0, 0, "3 rows: all cells are valid."],
  [0, 1, "3 rows: 1 warning. Check the marked cells before you add the plans."],
  [0, 2, "3 rows: 2 warnings. Check the marked cells before you add the plans."],
  [1, 2, "3 rows: 1 error. Nothing can be added until all cells are valid."],
])("a table with %d errors and %d warnings: %s", (errors, warnings, text) => {
  const sheet = { row_count: 3, error_count: errors, warnings: Array(warnings).fill(fault), sheet: "" };
  expect(summary(sheet as unknown as Sheet, "")).toBe(text);
});
