/** Messages to the user: refusals and successful actions. */

import { signal } from "@preact/signals";

/** Milliseconds to show a notice about a success: without and with a button. */
const SHORT = 8000;
const LONG = 30_000;
/** Maximum number of notices. The oldest ones are removed. */
const MOST = 5;

export interface Notice {
  id: number;
  kind: "problem" | "done";
  text: string;
  button?: NoticeButton;
}

export interface NoticeButton {
  label: string;
  /** A click also removes the notice. */
  press: () => void;
}

export class Notices {
  readonly all = signal<readonly Notice[]>([]);
  private next = 1;
  private readonly timers = new Map<number, ReturnType<typeof setTimeout>>();

  /** Report a problem until the user closes it. It replaces an earlier notice with the same text. */
  problem(text: string, button?: NoticeButton): number {
    return this.add("problem", text, button);
  }

  /** Report a successful action. The notice disappears; its button may undo the action. */
  done(text: string, button?: NoticeButton): number {
    const id = this.add("done", text, button);
    const timer = setTimeout(() => this.dismiss(id), button ? LONG : SHORT);
    this.timers.set(id, timer);
    return id;
  }

  dismiss(id: number): void {
    clearTimeout(this.timers.get(id));
    this.timers.delete(id);
    this.all.value = this.all.value.filter((notice) => notice.id !== id);
  }

  close(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
  }

  private add(kind: Notice["kind"], text: string, button: NoticeButton | undefined): number {
    const notice: Notice = { id: this.next++, kind, text, ...(button ? { button } : {}) };
    const others = this.all.value.filter((each) => each.text !== text || each.kind !== kind);
    this.all.value = [...others, notice].slice(-MOST);
    return notice.id;
  }
}
