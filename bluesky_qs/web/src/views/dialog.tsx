/** Modal dialogs. Escape closes them, and the focus returns to where it was. */

import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { useModel } from "./app";
import { focused, isFocusFree, rootOf } from "./root";

/** The element that gets the focus if the previously focused one has disappeared because the state has changed. */
export const HOME = "home";

interface Props {
  title: string;
  /** Called on Escape and “Cancel”. The caller removes the dialog. */
  onClose: () => void;
  isAlert?: boolean;
  children: ComponentChildren;
}

export function Dialog({ title, onClose, isAlert = false, children }: Props) {
  const box = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const dialog = box.current;
    const root = rootOf(dialog);
    const before = focused(root);
    dialog?.showModal();
    return () => {
      dialog?.close();
      focusAgain(before, root);
    };
  }, []);
  const cancel = (event: Event) => {
    event.preventDefault();
    onClose();
  };
  return (
    <dialog ref={box} aria-labelledby={id} role={isAlert ? "alertdialog" : undefined} onCancel={cancel}>
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

/** Focus an element, or the service's state if the element has disappeared. */
export function focusAgain(element: Element | null, root: Document | ShadowRoot): void {
  // Changes made by the dialog are visible after the next frame.
  requestAnimationFrame(() => {
    if (element instanceof HTMLElement && element.isConnected) element.focus();
    if (isFocusFree(root)) root.getElementById(HOME)?.focus();
  });
}

/** The dialogs that the model opens. */
export function Dialogs() {
  const { confirmation, naming } = useModel().dialogs;
  const question = confirmation.value;
  return (
    <>
      {naming.value && <NameDialog take={naming.value} />}
      {question && (
        <Dialog title={question.title} onClose={() => question.answer(false)} isAlert>
          <p>{question.text}</p>
          <div class="answers">
            <button type="button" onClick={() => question.answer(false)}>
              Cancel
            </button>
            <button type="button" class="danger" onClick={() => question.answer(true)}>
              {question.action}
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}

/** Asks a user with a shared key for a name. */
function NameDialog({ take }: { take: (name: string | null) => void }) {
  const id = useId();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    take(String(new FormData(form).get("name") ?? "").trim());
  };
  return (
    <Dialog title="Who are you?" onClose={() => take(null)}>
      <form onSubmit={submit}>
        <p id={`${id}-why`}>
          Others use the same key. Your name shows everybody what you did. The browser keeps it until you sign out.
        </p>
        <label>
          Your name
          <input name="name" maxLength={64} autocomplete="nickname" aria-describedby={`${id}-why`} />
        </label>
        <div class="answers">
          <button type="button" onClick={() => take(null)}>
            Cancel
          </button>
          <button type="button" onClick={() => take("")}>
            Continue without a name
          </button>
          <button type="submit" class="primary">
            Continue
          </button>
        </div>
      </form>
    </Dialog>
  );
}
