/** A button that saves a text as a file. */

import type { ComponentChildren } from "preact";

interface Props {
  /** The name of the file. */
  name: string;
  text: () => string;
  children: ComponentChildren;
}

export function SaveButton({ name, text, children }: Props) {
  return (
    <button type="button" onClick={() => save(name, text())}>
      {children}
    </button>
  );
}

/** Let the browser save a text. */
export function save(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
