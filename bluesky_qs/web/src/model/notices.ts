/** What the page has to say beside what it shows: refusals, and what has been done. */

import { signal } from "@preact/signals";

/** Milliseconds for which a notice is there that is no problem: longer if it has a button. */
const SHORT = 8000;
const LONG = 30_000;
/** Notices at once; the oldest ones go. */
const MOST = 5;

export interface Notice {
  id: number;
  kind: "problem" | "done";
  text: string;
  button?: NoticeButton;
}

export interface NoticeButton {
  label: string;
  /** The notice goes when it is pressed. */
  press: () => void;
}

export class Notices {
  readonly all = signal<readonly Notice[]>([]);
  private next = 1;
  private readonly timers = new Map<number, ReturnType<typeof setTimeout>>();

  /** A problem stays until somebody dismisses it, or says the same again. */
  problem(text: string, button?: NoticeButton): number {
    return this.add("problem", text, button);
  }

  /** Something was done; the notice goes by itself. Its button may undo it. */
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
