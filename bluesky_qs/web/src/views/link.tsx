/** A warning that the page shows old data. */

import { usePlace } from "./address";
import { useModel } from "./app";

export function Connection() {
  const model = useModel();
  const link = model.link.value;
  const { zone, now } = model.clock.value;
  const isBad = link.state === "lost" || link.state === "silent";
  const since = isBad && link.since !== null ? zone.moment(link.since, now) : "";
  const { kind } = usePlace();
  const what = link.state === "lost" ? "Connection lost" : "The service does not answer";
  const until = since ? `: this ${kind} shows the state at ${since}` : "";
  return (
    <div role="alert" class="connection" hidden={!isBad}>
      {isBad && (
        <p>
          <span aria-hidden="true">⚠ </span>
          <b>{what}</b>
          {until}. The {kind} updates again by itself.
        </p>
      )}
    </div>
  );
}
