/** Queued plans that cannot run now, with the reasons. The service checks them as if they were added now. */

import { batch, signal } from "@preact/signals";
import type { Item, Schemas, Source, Status } from "../source/source";
import { findingText } from "../words/findings";

/** Maximum number of items to check, from the front of the queue. */
const MOST = 200;
/** Maximum length of a request. The request is a URL, whose length is limited. */
const LONGEST = 12_000;
/** Milliseconds to wait after the last change before checking. */
const SETTLING = 300;
const LEAD = "Plan validation failed: ";

/** Why a plan cannot run, or a warning about it; empty if there is none. */
interface Checked {
  fault: string;
  doubt: string;
}

export class Faults {
  /** The reasons, by item uid. */
  readonly reasons = signal<ReadonlyMap<string, string>>(new Map());
  /** Warnings, by item uid, about plans that may fail, for example because of unknown names. */
  readonly doubts = signal<ReadonlyMap<string, string>>(new Map());

  private version = "";
  private items: readonly Item[] = [];
  /** The results for checked items. Editing an item makes a new object. */
  private checked = new WeakMap<Item, Checked>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly source: Source) {}

  /** Check again if the queue or the lists of plans and devices have changed. */
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
    // Skip other groups' items, because the service would check them with this user's permissions.
    const ours = this.items.slice(0, MOST).filter((item) => item.user_group === this.source.person.value.group);
    const plans = ours.filter((item) => item.item_type === "plan");
    const { checked, version } = this;
    for (const part of parts(plans.filter((item) => !checked.has(item)))) {
      const reply = await this.source.ask("item_check", { items: JSON.stringify(part.map(bare)) }).catch(() => null);
      if (reply === null || version !== this.version) return;
      part.forEach((item, at) => {
        const result = reply.results[at];
        if (result) checked.set(item, checkedOf(result));
      });
    }
    const texts = (name: keyof Checked) =>
      new Map(plans.map((item): [string, string] => [item.item_uid, checked.get(item)?.[name] ?? ""]).filter(hasText));
    batch(() => {
      this.reasons.value = texts("fault");
      this.doubts.value = texts("doubt");
    });
  }
}

function checkedOf({ success, msg, warnings }: Schemas["Check"]): Checked {
  const [first] = warnings ?? [];
  return success ? { fault: "", doubt: first ? findingText(first) : "" } : { fault: msg.replace(LEAD, ""), doubt: "" };
}

function hasText([_, text]: [string, string]): boolean {
  return text !== "";
}

/** The keys of an item that the service checks. */
function bare({ item_type, name, args, kwargs, meta }: Item): Record<string, unknown> {
  return Object.fromEntries(Object.entries({ item_type, name, args, kwargs, meta }).filter(([, value]) => value));
}

/** The items, split into parts that fit into one request. Items that are too large are omitted. */
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
