/** Which queued plans could not run now, and why: what the service says if they are added now. */

import { signal } from "@preact/signals";
import type { Item, Source, Status } from "../source/source";

/** Items to check, from the front of the queue. */
const MOST = 200;
/** Characters of one request: it is a GET, whose address has a limit. */
const LONGEST = 12_000;
/** Milliseconds that changes may take to settle. */
const SETTLING = 300;
const LEAD = "Plan validation failed: ";

export class Faults {
  /** The reasons, by the uid of the item. */
  readonly reasons = signal<ReadonlyMap<string, string>>(new Map());

  private version = "";
  private items: readonly Item[] = [];
  /** What has been checked, and the reason or an empty text. An item that is edited is another object. */
  private checked = new WeakMap<Item, string>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly source: Source) {}

  /** The queue or the lists of plans and devices may have changed. */
  look(items: readonly Item[], status: Status | null, areListsKnown: boolean): void {
    if (status === null || !areListsKnown) return;
    const version = `${status.plans_allowed_uid} ${status.devices_allowed_uid}`;
    if (items === this.items && version === this.version) return;
    if (version !== this.version) this.checked = new WeakMap();
    this.version = version;
    this.items = items;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.check(), SETTLING);
  }

  close(): void {
    clearTimeout(this.timer);
  }

  private async check(): Promise<void> {
    // Items of other groups are checked by their own permissions, which the sign-in does not have.
    const ours = this.items.slice(0, MOST).filter((item) => item.user_group === this.source.person.value.group);
    const plans = ours.filter((item) => item.item_type === "plan");
    const { checked, version } = this;
    for (const part of parts(plans.filter((item) => !checked.has(item)))) {
      const reply = await this.source.ask("item_check", { items: JSON.stringify(part.map(bare)) }).catch(() => null);
      if (reply === null || version !== this.version) return;
      part.forEach((item, at) => {
        const result = reply.results[at];
        checked.set(item, result && !result.success ? result.msg.replace(LEAD, "") : "");
      });
    }
    const bad = plans.filter((item) => checked.get(item));
    this.reasons.value = new Map(bad.map((item) => [item.item_uid, checked.get(item) as string]));
  }
}

/** The keys that are checked. */
function bare({ item_type, name, args, kwargs, meta }: Item): Record<string, unknown> {
  return Object.fromEntries(Object.entries({ item_type, name, args, kwargs, meta }).filter(([, value]) => value));
}

/** The items in parts that a request has room for. One that is larger than that is left out. */
function parts(items: readonly Item[]): Item[][] {
  const found: Item[][] = [];
  let room = 0;
  for (const item of items) {
    const size = encodeURIComponent(JSON.stringify(bare(item))).length;
    if (size > LONGEST) continue;
    if (size > room) {
      found.push([]);
      room = LONGEST;
    }
    found.at(-1)?.push(item);
    room -= size;
  }
  return found;
}
