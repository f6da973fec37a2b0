/** An item in a list: a link to its page, and how it ended. */

import type { Item, Result, RunningItem } from "../source/source";
import { planText } from "../words/plan";
import { hasFailed, shownUser } from "../words/results";
import { linkTo } from "./address";
import { useModel } from "./app";

export function ItemLink({ item }: { item: Item | RunningItem }) {
  const model = useModel();
  return (
    <a class="call" href={linkTo("item", item.item_uid ?? "")}>
      {planText(item, model.devices.value)}
    </a>
  );
}

const SIGNS: Record<string, string> = { completed: "✓", stopped: "■" };

/** `✓ completed`, `✕ aborted by grace`. */
export function Ending({ result }: { result: Result }) {
  const who = result.ended_by ? ` by ${shownUser(result.ended_by)}` : "";
  return (
    <span class={hasFailed({ result }) ? "bad" : "good"}>
      <span aria-hidden="true">{SIGNS[result.exit_status] ?? "✕"} </span>
      {result.exit_status}
      {who}
    </span>
  );
}
