import { expect, test } from "vitest";
import { plan } from "../model/fake_source";
import { withoutUids } from "./changes";

const items = [plan("a"), plan("b", { name: "scan", args: [["det"], "motor", 0, 1, 5] })];
const find = (uid: string) => items.find((item) => item.item_uid === uid) ?? null;
const known = new Set(["det", "motor"]);

test.each([
  ["Failed to undo: Item with UID 'a' has run already", "count() has run already"],
  ["Item with UID 'x' is no longer in the queue", "an item is no longer in the queue"],
  [
    "Item with UID 'b' was removed since then by grace (event 12)",
    "scan([det], motor, 0, 1, 5) was removed since then by grace",
  ],
  [
    "Failed to move the batch of items: The queue does not contain items with the following UIDs: ['a']",
    "count() is no longer in the queue",
  ],
  ["The queue does not contain items with the following UIDs: ['a', 'b']", "2 of them are no longer in the queue"],
  ["Destination plan (UID 'a') was not found: it is currently running", "cannot move next to count(): it is running"],
  ["Failed to replace item: The item 'a' has changed since you read it.", "count() has changed in the meantime."],
])("%s becomes: %s", (message, text) => {
  expect(withoutUids(message, find, known)).toBe(text);
});
