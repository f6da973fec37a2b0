/** Shows whether the page's data is live. */

import { useModel } from "./app";

const WORDS = {
  connecting: "connecting",
  live: "live",
  lost: "not connected",
  silent: "no answer",
  ended: "ended",
};

export function LiveDot() {
  const state = useModel().link.value.state;
  return (
    <span class={`live ${state}`}>
      <span class="dot" aria-hidden="true" />
      {WORDS[state]}
    </span>
  );
}
