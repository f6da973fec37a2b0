/** Questions of the page to whoever uses it: whether to do something dangerous, and who they are. */

import { signal } from "@preact/signals";

export interface Confirmation {
  /** The question: “Abort the plan?” */
  title: string;
  /** What will happen. */
  text: string;
  /** The word of the button that does it: “Abort”. */
  action: string;
}

export interface OpenConfirmation extends Confirmation {
  answer: (yes: boolean) => void;
}

export class Dialogs {
  readonly confirmation = signal<OpenConfirmation | null>(null);
  /** Takes the name of somebody with a shared key; null if they close the dialog. */
  readonly naming = signal<((name: string | null) => void) | null>(null);

  /** Ask whether to do something dangerous. Another question that is open is answered with no. */
  confirm(question: Confirmation): Promise<boolean> {
    this.confirmation.value?.answer(false);
    return new Promise((resolve) => {
      const answer = (yes: boolean) => {
        this.confirmation.value = null;
        resolve(yes);
      };
      this.confirmation.value = { ...question, answer };
    });
  }

  /** Ask for a name. */
  name(): Promise<string | null> {
    this.naming.value?.(null);
    return new Promise((resolve) => {
      this.naming.value = (name) => {
        this.naming.value = null;
        resolve(name);
      };
    });
  }
}
