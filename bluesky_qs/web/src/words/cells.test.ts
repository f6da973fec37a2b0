import { expect, test } from "vitest";
import { areMerged, cellsOfHtml, tabbed } from "./cells";

const HTML = `<html><body><table>
<tr><td>plan</td><td>detectors</td><td>num</td></tr>
<tr><td>count</td><td>[det1,
  det2]</td><td sdval="0.123456" sdnum="1033;">0.12</td></tr>
<tr><td>count</td><td>"Si 111"</td><td></td></tr>
</table></body></html>`;

test("cells from the clipboard keep exact numbers and texts in quotes", () => {
  const cells = cellsOfHtml(HTML);
  expect(cells).toEqual([
    ["plan", "detectors", "num"],
    ["count", "[det1, det2]", "0.123456"],
    ["count", '"Si 111"', ""],
  ]);
  expect(tabbed(cells ?? [])).toBe('plan\tdetectors\tnum\ncount\t[det1, det2]\t0.123456\ncount\t"""Si 111"""\t');
});

test("text without a table is left alone, and merged cells are found", () => {
  expect(cellsOfHtml("<p>count([det1])</p>")).toBeNull();
  expect(areMerged(HTML)).toBe(false);
  expect(areMerged("<table><tr><td colspan=2>a</td></tr></table>")).toBe(true);
});
