/** Edits as the prompt makes them: `make reference` has written its results into `prompt.json`. */

import { expect, test } from "vitest";
import type { Item } from "../source/source";
import examples from "../words/prompt.json";
import { commonParameters, objection, type Plan, withParameter } from "./parameters";

test.each(examples.edits)("$name=$value in $item", ({ item, plan, name, value, refused, args, kwargs }) => {
  const queued = item as unknown as Item;
  const described = plan as unknown as Plan;
  expect(Boolean(objection(queued, described, name, value))).toBe(refused);
  if (!refused) expect(withParameter(queued, described, name, value)).toMatchObject({ args, kwargs });
});

test("the parameters to choose from are those that all of the plans have", () => {
  const plan = (...names: string[]) =>
    ({ parameters: names.map((name) => ({ name, kind: { name: "KEYWORD_ONLY", value: 3 } })) }) as Plan;
  expect(commonParameters([plan("a", "num", "md"), plan("md", "num")])).toEqual(["num", "md"]);
  expect(commonParameters([plan("a"), undefined])).toEqual([]);
  expect(commonParameters([])).toEqual([]);
});
