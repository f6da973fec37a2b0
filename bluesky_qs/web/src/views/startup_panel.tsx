/** The report on the last time the environment was opened: the error, or problems with their file and line. */

import type { Status } from "../source/source";
import { contents, failure, place, remarks } from "../words/startup";
import { plural } from "../words/times";
import { useModel } from "./app";

/** Why the environment did not open. This is shown until it opens. */
export function StartupFailure({ status }: { status: Status }) {
  const report = useModel().startup.value.value;
  if (!report || status.worker_environment_exists || status.manager_state !== "idle") return null;
  const sentence = failure(report);
  if (!sentence) return null;
  const where = place(report.file, report.line);
  return (
    <div class="startup" role="alert">
      <p class="bad">
        <span aria-hidden="true">✕ </span>
        {sentence}
      </p>
      <p>
        {where && (
          <>
            In <span class="call">{where}</span>.{" "}
          </>
        )}
        Correct it, then open the environment again.
      </p>
      {report.traceback && (
        <details>
          <summary>Traceback</summary>
          {/* It scrolls, so it must be reachable with the keyboard. */}
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
          <pre tabIndex={0}>{report.traceback.trimEnd()}</pre>
        </details>
      )}
    </div>
  );
}

/** The numbers of plans and devices, and problems in the startup code. */
export function StartupRemarks({ status }: { status: Status }) {
  const report = useModel().startup.value.value;
  if (!report?.success || !status.worker_environment_exists) return null;
  const found = remarks(report);
  return (
    <div class="startup">
      <p class="meta">Environment: {contents(report)}.</p>
      {found.length > 0 && (
        <details>
          <summary class="warn">⚠ {plural(found.length, "remark")} about the startup code</summary>
          <ul>
            {found.map(({ place: where, text }) => (
              <li key={`${where} ${text}`}>
                {where && <span class="call">{where}: </span>}
                {text}
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}
