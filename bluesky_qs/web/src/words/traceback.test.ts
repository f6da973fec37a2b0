import { expect, test } from "vitest";
import { folded } from "./traceback";

const INNER = '  File "/opt/lib/python3.11/site-packages/bluesky/run_engine.py", line';

test("frames inside bluesky are folded, and the code of the beamline stays", () => {
  const traceback = [
    "Traceback (most recent call last):",
    `${INNER} 1, in __call__`,
    "    yield from plan",
    "    ~~~~~~~~~~~^^^^",
    `${INNER} 2, in _run`,
    "    await self",
    '  File "/beamline/startup.py", line 7, in align',
    "    raise ValueError('no beam')",
    "ValueError: no beam",
    "",
  ].join("\n");
  expect(folded(traceback)).toBe(
    [
      "Traceback (most recent call last):",
      "  … 2 frames in the code of bluesky",
      '  File "/beamline/startup.py", line 7, in align',
      "    raise ValueError('no beam')",
      "ValueError: no beam",
    ].join("\n"),
  );
});

test("the last frame stays, even inside bluesky, because the error was raised there", () => {
  const traceback = `Traceback (most recent call last):\n${INNER} 1, in a\n    b\n${INNER} 2, in c\n    d\nFailed: e`;
  expect(folded(traceback)).toBe(
    `Traceback (most recent call last):\n  … 1 frame in the code of bluesky\n${INNER} 2, in c\n    d\nFailed: e`,
  );
});
