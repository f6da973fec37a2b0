import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { inShadow } from "./shadow_css";

const sheets = readdirSync("src").filter((name) => name.endsWith(".css"));

test("no rule of the page's style sheets is about the window or the document", () => {
  expect(sheets.length).toBeGreaterThan(5);
  for (const name of sheets) {
    const css = inShadow(readFileSync(`src/${name}`, "utf8"));
    expect(css).not.toMatch(/:root|^(html|body)\b|@media \((min|max)-width|prefers-color-scheme|\dvw/m);
  }
});

test("the dark colors follow the notebook", () => {
  const css = inShadow(readFileSync("src/style.css", "utf8"));
  expect(css).toContain(':host([data-scheme="dark"]) {');
  expect(css.match(/--panel:/g)?.length).toBe(2);
  expect(css).toContain(".page {");
});
