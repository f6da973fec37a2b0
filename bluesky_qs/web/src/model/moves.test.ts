import { signal } from "@preact/signals";
import { beforeEach, expect, test, vi } from "vitest";
import type { Item } from "../source/source";
import { plan } from "./fake_source";
import { type Move, Moves, moved } from "./moves";
import { destinationAt } from "./queue_edit";

const items = (text: string) => text.split(" ").map((uid) => plan(uid));
const text = (list: readonly Item[]) => list.map((item) => item.item_uid).join(" ");
const queued = signal<readonly Item[]>([]);
let answers: ((isDone: boolean) => void)[];
let sent: Move[];
let moves: Moves;

beforeEach(() => {
  queued.value = items("a b c d e");
  answers = [];
  sent = [];
  moves = new Moves(queued, (move) => {
    sent.push(move);
    return new Promise((resolve) => answers.push(resolve));
  });
});

test.each([
  [["d", "b"], "front", "b d a c e"],
  [["b"], "back", "a c d e b"],
  [["a", "e"], { before: "d" }, "b c a e d"],
  [["a"], { after: "b" }, "b a c d e"],
  [["a"], { before: "gone" }, "a b c d e"],
  [["gone"], "front", "a b c d e"],
] as const)("%s to %o gives %s", (uids, to, result) => {
  expect(text(moved(items("a b c d e"), { uids, to }))).toBe(result);
});

test.each([
  [0, ["c"], "front"],
  [1, ["a"], "front"],
  [2, ["d"], { before: "c" }],
  [2, ["c", "d"], { before: "e" }],
  [5, ["a"], "back"],
  [4, ["e"], "back"],
] as const)("place %d for %s is %o", (place, moving, to) => {
  expect(destinationAt(["a", "b", "c", "d", "e"], place, new Set(moving))).toEqual(to);
});

test("a move is shown at once, and as the service says it as soon as it does", async () => {
  moves.add({ uids: ["e"], to: "front" });
  expect(text(moves.items.value)).toBe("e a b c d");
  queued.value = items("e a b c d f");
  answers[0]?.(true);
  await vi.waitFor(() => expect(text(moves.items.value)).toBe("e a b c d f"));
  queued.value = items("a b e");
  moves.settle();
  expect(text(moves.items.value)).toBe("a b e");
});

test("a refusal brings the truth back at once, also of the moves that wait", async () => {
  moves.add({ uids: ["e"], to: "front" });
  moves.add({ uids: ["a"], to: "back" });
  expect(text(moves.items.value)).toBe("e b c d a");
  answers[0]?.(false);
  await vi.waitFor(() => expect(text(moves.items.value)).toBe("a b c d e"));
  expect(sent.length).toBe(1);
});

test("while a move is sent, only the last of those that follow with the same items is sent", async () => {
  moves.add({ uids: ["a"], to: { after: "b" } });
  moves.add({ uids: ["a"], to: { after: "c" } });
  moves.add({ uids: ["a"], to: { after: "d" } });
  expect(text(moves.items.value)).toBe("b c d a e");
  answers[0]?.(true);
  await vi.waitFor(() => expect(sent.map((move) => move.to)).toEqual([{ after: "b" }, { after: "d" }]));
});

test("a move whose event is lost is not shown for ever", async () => {
  vi.useFakeTimers();
  moves.add({ uids: ["e"], to: "front" });
  answers[0]?.(true);
  await vi.advanceTimersByTimeAsync(1000);
  expect(text(moves.items.value)).toBe("e a b c d");
  await vi.advanceTimersByTimeAsync(2000);
  expect(text(moves.items.value)).toBe("a b c d e");
  vi.useRealTimers();
});
