/** A warning that the page shows old data. */

import { useOwnName } from "./address";
import { useModel } from "./app";

export function Connection() {
  const model = useModel();
  const link = model.link.value;
  const { zone, now } = model.clock.value;
  const isBad = link.state === "lost" || link.state === "silent";
  const since = isBad && link.since !== null ? zone.moment(link.since, now) : "";
  const it = useOwnName();
  const what = link.state === "lost" ? "Connection lost" : "The service does not answer";
  const until = since ? `: this ${it} shows the state at ${since}` : "";
  return (
    <div role="alert" class="connection" hidden={!isBad}>
      {isBad && (
        <p>
          <span aria-hidden="true">⚠ </span>
          <b>{what}</b>
          {until}. The {it} updates again by itself.
        </p>
      )}
    </div>
  );
}
