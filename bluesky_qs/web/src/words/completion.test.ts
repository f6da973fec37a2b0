import { expect, test } from "vitest";
import { type Known, offersForValue, offersWhileTyping } from "./completion";
import examples from "./prompt.json";

const known = examples.described as unknown as Known;
const texts = ({ offers }: { offers: { text: string }[] }) => offers.map(({ text }) => text);

test.each([
  ["count([det1]", []],
  ["count([det1", ["det1"]],
  ["count([", ["det1", "motor", "motor2"]],
  ["count([det1], num=3", []],
])("while one types %s, nothing is offered after a complete value", (text, offers) => {
  expect(texts(offersWhileTyping(text, known))).toEqual(offers);
});

test.each([
  ["", []],
  ["mot", ["motor", "motor2"]],
  ["motor, -1", []],
  ["motor, 1, sh", ["shutter"]],
  ["{'a': 1}", []],
  ["'mot", []],
  ["motor.v", ["motor.velocity"]],
])("in a field for values, %s is completed by devices", (text, offers) => {
  expect(texts(offersForValue(text, known))).toEqual(offers);
});
