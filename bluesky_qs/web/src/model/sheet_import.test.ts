import { signal } from "@preact/signals";
import { beforeEach, expect, test, vi } from "vitest";
import { Refused } from "../source/source";
import { Actions } from "./actions";
import { Dialogs } from "./dialogs";
import { FakeSource, plan } from "./fake_source";
import { Notices } from "./notices";
import { type Sheet, SheetImport } from "./sheet_import";

let source: FakeSource;
let table: SheetImport;

function sheet(more: Partial<Sheet> = {}): Sheet {
  const items = [{ item_type: "plan", name: "count" }];
  const columns = [{ number: 1, letters: "A", heading: "plan" }];
  const rows = [{ number: 2, cells: ["count"] }];
  return {
    sheet: "a",
    columns,
    rows,
    row_count: 1,
    items,
    item_rows: [2],
    errors: [],
    error_count: 0,
    warnings: [],
    ...more,
  };
}

beforeEach(() => {
  source = new FakeSource();
  const clock = signal({ now: 0, zone: null as never });
  const actions = new Actions({ source, status: signal(null), clock, notices: new Notices(), dialogs: new Dialogs() });
  table = new SheetImport({ source, actions, where: () => ({ pos: "front" }) });
});

async function read(found: Sheet): Promise<void> {
  source.readSheet = async () => found;
  table.type("plan\ncount");
  await vi.waitFor(() => expect(table.isReading.value).toBe(false));
}

test("a table that is right is added as a whole", async () => {
  source.changes.queue_item_add_batch = ({ items }) => {
    source.queue = [plan("n1"), plan("n2"), plan("old")];
    expect(items).toHaveLength(2);
    return { success: true, items: source.queue.slice(0, 2), results: [], qsize: 3 };
  };
  const items = [
    { item_type: "plan", name: "count" },
    { item_type: "plan", name: "scan" },
  ];
  await read(sheet({ items, item_rows: [2, 3] }));
  expect(table.isRight).toBe(true);
  expect((await table.add())?.text).toBe("Added 2 items at positions 0 to 1");
  expect(source.sent[0]?.params).toEqual({ items, pos: "front" });
});

test("with a wrong cell nothing is added", async () => {
  await read(sheet({ errors: [{ row: 2, column: 1, label: "A (plan)", msg: "no" }], error_count: 1 }));
  expect(table.isRight).toBe(false);
  expect(await table.add()).toBeNull();
  expect(source.sent).toEqual([]);
});

test("a file that cannot be read says why, and an empty text shows nothing", async () => {
  await read({ ...sheet({ columns: [] }), msg: "a.txt is not a spreadsheet" });
  expect([table.sheet.value, table.problem.value]).toEqual([null, "a.txt is not a spreadsheet"]);
  table.type("  ");
  expect([table.problem.value, table.isReading.value]).toEqual(["", false]);
});

test("what the service refuses is named by its row", async () => {
  source.changes.queue_item_add_batch = () => {
    throw new Refused("Failed to add all items", "InvalidPlan", {
      results: [{ msg: "Plan validation failed: no 'x'" }],
    });
  };
  await read(sheet());
  expect(await table.add()).toBeNull();
  expect(table.problem.value).toBe("Nothing was added. row 2: no 'x'");
});
