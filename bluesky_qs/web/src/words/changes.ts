/** Describes items in sentences about changes to the queue. */

import type { Item } from "../source/source";
import { planText } from "./plan";
import { plural } from "./times";

/** Finds an item by uid, even if it has left the queue. */
export type Find = (uid: string) => Item | null;

/** The plan if there is only one item, otherwise the number of items. */
export function itemsText(items: readonly Item[], known: ReadonlySet<string>): string {
  return items.length === 1 && items[0] ? planText(items[0], known) : plural(items.length, "item");
}

const UIDS = /The queue does not contain items with the following UIDs: \[(.*)\]/;
const PLACE = /Destination (?:plan|item) \(UID '([^']+)'\) was not found(: it is currently running)?/;
const CHANGED = /The item '([^']+)' has changed since you read it/;
const NAMED = /(?:(?:[Ii]tem|[Pp]lan) with UID|UID) '([^']+)'/g;
const LEADS = /^(?:Failed to [^:]*: )|Plan validation failed: /g;

/** A refusal's message, with plans in place of uids. */
export function withoutUids(message: string, find: Find, known: ReadonlySet<string>): string {
  const name = (uid: string) => {
    const item = find(uid);
    return item ? planText(item, known) : "an item";
  };
  const missing = UIDS.exec(message)?.[1]?.match(/[^'", ]+/g);
  if (missing) {
    const what = missing.length === 1 ? `${name(missing[0] as string)} is` : `${missing.length} of them are`;
    return `${what} no longer in the queue`;
  }
  return message
    .replace(LEADS, "")
    .replace(
      PLACE,
      (_, uid, runs) => `cannot move next to ${name(uid)}: it ${runs ? "is running" : "is no longer in the queue"}`,
    )
    .replace(CHANGED, (_, uid) => `${name(uid)} has changed in the meantime`)
    .replace(NAMED, (_, uid) => name(uid))
    .replace(/ \(event \d+\)/, "");
}
