/** A uid is for programs: nobody reads it, but it can be copied. */

import { useSignal } from "@preact/signals";

export function Uid({ uid }: { uid: string }) {
  const said = useSignal("");
  const copy = async (event: MouseEvent) => {
    event.stopPropagation();
    try {
      await navigator.clipboard.writeText(uid);
      said.value = "Copied";
    } catch {
      said.value = uid; // the browser allows no copying without TLS: it can be selected
    }
  };
  return (
    <span class="uid">
      <button type="button" class="quiet" onClick={(event) => void copy(event)}>
        Copy the uid
      </button>
      <span role="status">{said.value}</span>
    </span>
  );
}
