/** Queues copies of plans that have run. */

import type { Item } from "../source/source";
import { planText } from "../words/plan";
import { plural } from "../words/times";
import type { Actions } from "./actions";
import type { Notices } from "./notices";

interface Around {
  actions: Actions;
  notices: Notices;
  devices: { readonly value: ReadonlySet<string> };
}

export class Again {
  constructor(private readonly around: Around) {}

  /** Queue copies at the back, in this order, all or none. Returns their uids, or null if they were refused.
   *
   * `isShown` means that the view itself shows that they were added.
   */
  async run(items: readonly Item[], { isShown = false } = {}): Promise<string[] | null> {
    const { actions, notices, devices } = this.around;
    const [only, ...more] = items.map(bare);
    if (!only) return null;
    if (more.length > 0) {
      const reply = await actions.run("queue_item_add_batch", { items: [only, ...more] });
      if (reply) notices.done(`Added ${plural(reply.items.length, "plan")} to the queue.`);
      return reply?.items.map((item) => item.item_uid) ?? null;
    }
    const reply = await actions.run("queue_item_add", { item: only });
    if (reply?.item && !isShown) notices.done(`Added to the queue: ${planText(reply.item, devices.value)}`);
    return reply?.item ? [reply.item.item_uid] : null;
  }
}

/** The parts of an item that go into a copy. */
export function bare({ item_type, name, args, kwargs, meta }: Item): Item {
  const parts = { item_type, name, args, kwargs, meta };
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as Item;
}
