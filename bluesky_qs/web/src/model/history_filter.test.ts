import { expect, test } from "vitest";
import { Zone } from "../words/times";
import { filterOf, NO_FILTER, paramsOf, queryOf } from "./history_filter";

const clock = { now: 100_000, zone: new Zone(3600) };

test("a filter is in the address and comes back from it", () => {
  const filter = { ...NO_FILTER, find: "Cu foil", status: "bad", hours: "8", meta: [["sample", "S0*"] as const] };
  const query = queryOf(filter);
  expect(query).toEqual({ find: "Cu foil", status: "bad", hours: "8", "md.sample": "S0*" });
  expect(filterOf(new URLSearchParams(query))).toEqual(filter);
  expect(queryOf(NO_FILTER)).toEqual({});
});

test("a key of metadata without a value finds all plans that have it", () => {
  const filter = { ...NO_FILTER, meta: [["sample", ""] as const, ["", "x"] as const] };
  expect(queryOf(filter)).toEqual({ "md.sample": "*" });
  expect(paramsOf(filter, clock)).toEqual({ metadata: { sample: "*" } });
});

test("times are those of the beamline, and a period counts back from now", () => {
  const own = { ...NO_FILTER, from: "1970-01-01T01:00", to: "1970-01-02" };
  expect(paramsOf(own, clock)).toEqual({ since: 0, until: 82_800 });
  expect(paramsOf({ ...own, hours: "8" }, clock)).toEqual({ since: 71_200 });
  expect(paramsOf({ ...NO_FILTER, from: "yesterday" }, clock)).toEqual({});
});

test("the service is asked only for what is given", () => {
  const filter = { ...NO_FILTER, find: " foil ", plan: "*scan", user: "ada", status: "bad", scan: "12" };
  expect(paramsOf(filter, clock)).toEqual({
    search: "foil",
    name: "*scan",
    user: "ada",
    exit_status: ["failed", "aborted", "halted"],
    scan_id: 12,
  });
  expect(paramsOf({ ...NO_FILTER, scan: "twelve", status: "unknown" }, clock)).toEqual({});
});
