/** The dialogs of the page: confirmations of dangerous actions, and the name of the user. */

import { signal } from "@preact/signals";

export interface Confirmation {
  /** The question: “Abort the plan?” */
  title: string;
  /** The consequences. */
  text: string;
  /** The text of the button: “Abort”. */
  action: string;
}

export interface OpenConfirmation extends Confirmation {
  answer: (yes: boolean) => void;
}

export class Dialogs {
  readonly confirmation = signal<OpenConfirmation | null>(null);
  /** Called with the name of a user with a shared key; null if the user closes the dialog. */
  readonly naming = signal<((name: string | null) => void) | null>(null);

  /** Ask for a confirmation. If another question is open, its answer is no. */
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
