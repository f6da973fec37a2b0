/** A button that shows or hides a part of the page. */

import type { Signal } from "@preact/signals";

interface Props {
  text: string;
  /** The part's id. */
  of: string;
  isOpen: Signal<boolean>;
}

export function MoreButton({ text, of, isOpen }: Props) {
  return (
    <button
      type="button"
      aria-expanded={isOpen.value}
      aria-controls={of}
      onClick={() => {
        isOpen.value = !isOpen.value;
      }}
    >
      {text}
    </button>
  );
}
