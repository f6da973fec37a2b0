import { render } from "preact";
import { afterEach, expect, test, vi } from "vitest";
import { FakeSource } from "../model/fake_source";
import { Model } from "../model/model";
import { Forbidden } from "../source/source";
import { WithModel } from "./app";
import { HistoryView } from "./history";

const root = document.createElement("div");

afterEach(() => render(null, root));

test("whoever may not read the history sees why, and not that it is still being read", async () => {
  const source = new FakeSource();
  source.answers.history_get = () => {
    throw new Forbidden("You may not read the history.");
  };
  const model = new Model(source);
  render(
    <WithModel model={model}>
      <HistoryView />
    </WithModel>,
    root,
  );
  await vi.waitFor(() => expect(root.textContent).toContain("could not be read: You may not read the history."));
  expect(root.textContent).not.toContain("Reading …");
  model.close();
});
