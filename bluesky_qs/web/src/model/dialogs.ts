/** The page's dialogs: they confirm dangerous actions, and ask for the user's name. */

import { signal } from "@preact/signals";

export interface Confirmation {
  /** The question, such as “Abort the plan?” */
  title: string;
  /** The consequences. */
  text: string;
  /** The button's text, such as “Abort”. */
  action: string;
}

export interface OpenConfirmation extends Confirmation {
  answer: (yes: boolean) => void;
}

export class Dialogs {
  readonly confirmation = signal<OpenConfirmation | null>(null);
  /** Called with the name that a user with a shared key gives; null if the user closes the dialog. */
  readonly naming = signal<((name: string | null) => void) | null>(null);

  /** Ask for confirmation. If another question is open, it is answered with no. */
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
