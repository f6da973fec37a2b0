import { render } from "preact";
import { afterEach, expect, test, vi } from "vitest";
import { FakeSource, plan } from "../model/fake_source";
import { Model } from "../model/model";
import { followAddress, PAGE } from "./address";
import { WithModel } from "./app";
import { HistoryView } from "./history";

const root = document.createElement("div");

afterEach(() => render(null, root));

test("the address says what is searched for, and a gap of what matches is not a time without plans", async () => {
  const stop = followAddress();
  const source = new FakeSource();
  const ended = (uid: string, time: number, exit_status = "completed") => ({
    ...plan(uid),
    result: { exit_status, time_start: time, time_stop: time + 100, msg: "No beam", run_uids: [], scan_ids: [] },
  });
  source.answers.history_get = ({ search }) => ({
    items: search === "foil" ? [ended("a", 1000), ended("b", 3000, "failed")] : [],
    positions: [0, 1],
  });
  PAGE.replace("#/history?find=foil");
  const model = new Model(source);
  render(
    <WithModel model={model}>
      <HistoryView />
    </WithModel>,
    root,
  );
  await vi.waitFor(() => expect(root.querySelectorAll(".bar")).toHaveLength(2));
  const bars = [...root.querySelectorAll(".bar")];
  expect(bars.map((bar) => bar.getAttribute("href"))).toEqual(["#/item/a", "#/item/b"]);
  expect(bars[1]?.getAttribute("aria-label")).toBe("count(), failed, took 1 min 40 s");
  expect(bars.map((bar) => bar.getAttribute("tabindex"))).toEqual(["-1", "0"]);
  expect(root.querySelector(".gap")?.textContent).toBe("no match for 31 min 40 s");
  expect(root.querySelector<HTMLInputElement>("input[type=search]")?.value).toBe("foil");
  model.close();
  stop();
});
