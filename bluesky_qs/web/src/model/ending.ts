/** Ends a plan as the prompt does: pauses it first if it is running. */

import { effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Status } from "../source/source";
import type { Actions } from "./actions";
import type { Notices } from "./notices";

/** Milliseconds to wait for the plan to pause. */
const PATIENCE = 60_000;

export type EndMethod = "re_stop" | "re_abort" | "re_halt";

const DOING: Record<EndMethod, string> = { re_stop: "finished", re_abort: "aborted", re_halt: "halted" };

export class Ending {
  /** The action to take once the plan is paused. */
  readonly pending = signal<EndMethod | null>(null);

  constructor(
    private readonly status: ReadonlySignal<Status | null>,
    private readonly actions: Actions,
    private readonly notices: Notices,
  ) {}

  /** End the plan. Shows a notice if the plan does not pause, or if it ends before it can be paused. */
  async end(method: EndMethod): Promise<void> {
    const status = this.status.value;
    if (status === null || this.pending.value) return;
    if (status.manager_state === "paused") {
      await this.actions.run(method, {});
      return;
    }
    this.pending.value = method;
    try {
      if ((await this.actions.run("re_pause", { option: "immediate" })) === null) return;
      const outcome = await this.paused(status.running_item_uid);
      if (outcome === "paused") await this.actions.run(method, {});
      else if (outcome === "ended") this.notices.done("The plan ended before it could be paused.");
      else {
        const text = `The plan has not paused for a minute, so it was not ${DOING[method]}. Try again, or destroy the environment.`;
        this.notices.problem(text);
      }
    } finally {
      this.pending.value = null;
    }
  }

  private paused(uid: string | null): Promise<"paused" | "ended" | "late"> {
    return new Promise((resolve) => {
      let stop = () => {};
      const finish = (outcome: "paused" | "ended" | "late") => {
        clearTimeout(timer);
        queueMicrotask(() => stop());
        resolve(outcome);
      };
      const timer = setTimeout(() => finish("late"), PATIENCE);
      stop = effect(() => {
        const status = this.status.value;
        if (status?.manager_state === "paused") finish("paused");
        else if (status?.manager_state === "idle" || (uid !== null && status?.running_item_uid !== uid))
          finish("ended");
      });
    });
  }
}
