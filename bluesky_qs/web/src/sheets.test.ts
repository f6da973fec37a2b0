import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

test("a class has its style in one sheet, or a view would change the look of another", () => {
  const sheets = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".css"));
  const places = new Map<string, Set<string>>();
  for (const sheet of sheets) {
    const text = readFileSync(join(import.meta.dirname, sheet), "utf-8");
    for (const [, name] of text.matchAll(/^\.([\w-]+) \{/gm)) {
      places.set(name as string, new Set([...(places.get(name as string) ?? []), sheet]));
    }
  }
  expect(places.size).toBeGreaterThan(50);
  expect([...places].filter(([, files]) => files.size > 1)).toEqual([]);
});
