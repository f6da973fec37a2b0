/** Notices: refusals stay until the user closes them; messages about successful actions disappear. */

import type { Notice } from "../model/notices";
import { usePlace } from "./address";
import { useModel } from "./app";
import { focusAgain } from "./dialog";
import { putInFront, rootOf } from "./root";

export function NoticeArea() {
  const { notices } = useModel();
  const problems = notices.all.value.filter((notice) => notice.kind === "problem");
  const done = notices.all.value.filter((notice) => notice.kind === "done");
  // A view in a notebook may be scrolled out of sight.
  const front = usePlace().kind === "view" ? ({ popover: "manual", ref: putInFront } as const) : {};
  return (
    <aside class="notices" aria-label="Notices" {...front}>
      {problems.map((notice) => (
        <OneNotice key={notice.id} notice={notice} />
      ))}
      {/* The element is always present, so that screen readers announce new notices. */}
      <div role="status">
        {done.map((notice) => (
          <OneNotice key={notice.id} notice={notice} />
        ))}
      </div>
    </aside>
  );
}

function OneNotice({ notice }: { notice: Notice }) {
  const { notices } = useModel();
  const isProblem = notice.kind === "problem";
  const dismiss = (event: MouseEvent) => {
    const root = rootOf(event.currentTarget as Element);
    notices.dismiss(notice.id);
    focusAgain(null, root);
  };
  const press = (event: MouseEvent) => {
    dismiss(event);
    notice.button?.press();
  };
  return (
    <div class={`notice ${notice.kind}`} role={isProblem ? "alert" : undefined}>
      <span aria-hidden="true">{isProblem ? "✕" : "✓"}</span>
      <p>{notice.text}</p>
      {notice.button && (
        <button type="button" onClick={press}>
          {notice.button.label}
        </button>
      )}
      <button type="button" class="quiet" aria-label="Dismiss" onClick={dismiss}>
        ✕
      </button>
    </div>
  );
}
