import { afterEach, beforeEach, expect, test } from "vitest";
import { followAddress, linkTo, OwnPlace, PAGE } from "./address";

const { address, replace } = PAGE;

let stop: () => void;

beforeEach(() => {
  stop = followAddress();
});

afterEach(() => {
  stop();
  history.replaceState(null, "", "/");
});

test("an address has a view, more parts and a filter", () => {
  replace("#/item/a%2Fb?find=Cu+foil&status=failed");
  expect(address.value.view).toBe("item");
  expect(address.value.rest).toEqual(["a/b"]);
  expect(Object.fromEntries(address.value.query)).toEqual({ find: "Cu foil", status: "failed" });
});

test("a link leads to the address that it was made for, and leaves out what is empty", () => {
  replace(linkTo("item", "100 % / ?"));
  expect(address.value.rest).toEqual(["100 % / ?"]);
  expect(linkTo("history", { find: "a&b", user: "" })).toBe("#/history?find=a%26b");
  expect(linkTo("history", {})).toBe("#/history");
});

test("an address that nobody can read is an unknown view, and not an error", () => {
  replace("#/%E0%A4%A");
  expect(address.value.view).toBe("%E0%A4%A");
  replace("#");
  expect(address.value.view).toBe("");
});

test("a place of its own leaves the address of the browser alone", () => {
  const place = new OwnPlace();
  place.go(linkTo("history", { find: "foil" }));
  expect(place.address.value.view).toBe("history");
  place.replace(linkTo("item", "a"));
  expect(place.address.value.rest).toEqual(["a"]);
  expect(location.hash).toBe("");
});
