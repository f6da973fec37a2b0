/** Alerts for users who are not looking at the page: failed plans and questions. */

import { signal } from "@preact/signals";
import type { ServiceEvent, Source } from "../source/source";
import { planText } from "../words/plan";
import { fullSentence } from "../words/refusals";
import { reason } from "../words/results";

export interface Alarm {
  /** An alarm replaces an earlier alarm with the same tag. */
  tag: string;
  title: string;
  text: string;
}

export class Alarms {
  /** The latest alarm. */
  readonly latest = signal<Alarm | null>(null);

  constructor(
    private readonly source: Source,
    private readonly devices: () => ReadonlySet<string>,
  ) {}

  take(event: ServiceEvent): void {
    if (event.type === "item_ended" && event.exit_status === "failed") {
      void this.failed(event.item_uid);
    } else if (event.type === "input_changed" && event.input_pending) {
      const { input_uid, prompt } = event.input_pending;
      this.latest.value = {
        tag: input_uid,
        title: "Waiting for input",
        text: prompt.trim() || "User code is waiting for input.",
      };
    }
  }

  private async failed(uid: string): Promise<void> {
    const page = await this.source.ask("history_get", { limit: 5 }).catch(() => null);
    const item = page?.items.find((each) => each.item_uid === uid);
    const plan = item ? planText(item, this.devices()) : "A plan";
    const why = item?.result ? reason(item.result) : "";
    this.latest.value = { tag: uid, title: "A plan failed", text: fullSentence(why ? `${plan}: ${why}` : plan) };
  }
}
