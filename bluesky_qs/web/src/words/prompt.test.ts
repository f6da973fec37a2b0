/** The page says what the prompt says: `make reference` has written its sentences into `prompt.json`. */

import { expect, test } from "vitest";
import type { HistoryItem, Status } from "../source/source";
import { type Known, offersFor } from "./completion";
import { type ItemEstimate, type QueueEstimate, queueTakes, starts, takes } from "./estimates";
import { numberText } from "./numbers";
import { type Call, planText } from "./plan";
import examples from "./prompt.json";
import { queueStopped, stoppedByItself } from "./results";
import { stateSentence, waitingSentence } from "./status";
import { lengthOfTime, Zone } from "./times";

const clock = { now: examples.now, zone: new Zone(0) };

test.each(examples.states)("$sentence", ({ status, sentence, waiting }) => {
  const known = status as unknown as Status;
  const { lead, rest } = stateSentence(known, known.running_item_uid ? "count([det1])" : "", clock);
  expect(lead + rest).toBe(sentence);
  expect(waitingSentence(known, examples.now)).toBe(waiting);
});

test.each(examples.stopped)("after the last plan: $sentence", ({ status, last, sentence }) => {
  expect(queueStopped(status as unknown as Status, last as unknown as HistoryItem, "ada")).toBe(sentence);
});

test.each(examples.stoppedByItself)("after a plan that completed: $sentence", ({ status, sentence }) => {
  expect(stoppedByItself(status as unknown as Status)).toBe(sentence);
});

test.each(examples.plans)("$text", ({ item, text }) => {
  expect(planText(item as Call, new Set(examples.known))).toBe(text);
});

test.each(examples.lengths)("%d seconds are %s", (seconds, text) => {
  expect(lengthOfTime(Number(seconds))).toBe(text);
});

test.each(examples.moments)("the moment %d is %s", (epoch, text) => {
  expect(clock.zone.moment(Number(epoch), examples.now)).toBe(text);
});

test.each(examples.clocks)("the time of the day %d is %s", (epoch, text) => {
  expect(clock.zone.clock(Number(epoch), examples.now)).toBe(text);
});

test.each(examples.estimates)("an item takes: $text", ({ estimate, isHeld, text }) => {
  const known = estimate as ItemEstimate;
  const start = starts(known, clock, isHeld);
  expect([takes(known), start ? `at ${start}` : ""].filter(Boolean).join(", ")).toBe(text);
});

test.each(examples.queues)("the queue takes: $text", ({ queue, isRunning, isLoop, isHeld, text }) => {
  // The heading of the page also says how long a running queue takes.
  const shown = queueTakes(queue as QueueEstimate, { isRunning, isLoop, isHeld }, clock);
  expect(isRunning && !isLoop && !isHeld ? shown.replace(/^.*, /, "") : shown).toBe(text);
});

test.each(examples.completions)("TAB after $typed", ({ typed, fragment, offers }) => {
  const found = offersFor(typed, examples.described as Known);
  expect(found.fragment).toBe(fragment);
  expect(found.offers.map(({ text, kind }) => [text, kind])).toEqual(offers);
});

test("a single value has the digits of %qs read", () => {
  for (const [value, shown] of examples.values) expect(numberText(Number(value))).toBe(shown);
});
