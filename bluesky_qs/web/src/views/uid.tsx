/** A button that copies a uid. It does not show the uid, because only programs need to read it. */

import { useSignal } from "@preact/signals";

export function Uid({ uid, label = "Copy the uid" }: { uid: string; label?: string }) {
  const message = useSignal("");
  const copy = async (event: MouseEvent) => {
    event.stopPropagation();
    try {
      await navigator.clipboard.writeText(uid);
      message.value = "Copied";
    } catch {
      message.value = uid; // browsers do not allow this without TLS: show the uid, so that users can select it
    }
  };
  return (
    <span class="uid">
      <button type="button" class="quiet" onClick={(event) => void copy(event)}>
        {label}
      </button>
      <span role="status">{message.value}</span>
    </span>
  );
}
