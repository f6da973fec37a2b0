/** The service's state in one sentence, the buttons that suit it, and prompts and locks that need a user. */

import type { Status } from "../source/source";
import { planText } from "../words/plan";
import { fullSentence, lockSentence } from "../words/refusals";
import { lastPlanFailed, queueStopped, reason, shownUser, stoppedByItself } from "../words/results";
import { stateMark, stateSentence } from "../words/status";
import { useModel } from "./app";
import { Controls } from "./controls";
import { HOME } from "./dialog";
import { ItemLink } from "./item_link";
import { Question } from "./question";
import { StartupFailure } from "./startup_panel";

export const SIGNS = { running: "▶", paused: "‖", failed: "✕", "": "■" };

export function StatePanel() {
  const model = useModel();
  const status = model.status.value;
  return (
    <section class="state" aria-label="State" aria-busy={status === null} id={HOME} tabIndex={-1}>
      {status && (
        <>
          <Sentence status={status} />
          <Controls status={status} />
          {status.input_pending && <Question key={status.input_pending.input_uid} question={status.input_pending} />}
          <LockLine />
          <LastFailure status={status} />
          <AutostartOff reason={status.queue_autostart_off_reason} />
          <StartupFailure status={status} />
          <Latest />
        </>
      )}
    </section>
  );
}

function Sentence({ status }: { status: Status }) {
  const model = useModel();
  const plan = model.queue.running.value ? planText(model.queue.running.value, model.devices.value) : "";
  const { lead, rest } = stateSentence(status, plan, model.clock.value);
  const mark = stateMark(status);
  return (
    <p class="sentence" aria-live="polite">
      <strong class={mark}>
        <span aria-hidden="true">{SIGNS[mark]} </span>
        {lead}
      </strong>
      <span>{rest}</span>
    </p>
  );
}

/** Shows why the queue has stopped, or the last plan if it failed, until something runs again. */
function LastFailure({ status }: { status: Status }) {
  const model = useModel();
  const [last] = model.past.items.value;
  if (status.manager_state !== "idle") return null;
  const stopped = queueStopped(status, last, model.actions.person.value.user);
  if (!last || (!stopped && !lastPlanFailed(status, last))) return <Stopped status={status} />;
  const why = fullSentence(reason(last.result));
  return (
    <p class="last-failure">
      <span class="bad">
        <span aria-hidden="true">✕ </span>
        {stopped || "The last plan failed."}
      </span>{" "}
      <ItemLink item={last} />
      {why && `: ${why}`}
    </p>
  );
}

/** Shows why the queue has stopped after a completed plan, unless the line about autostart gives the same reason. */
function Stopped({ status }: { status: Status }) {
  const sentence = status.queue_autostart_off_reason ? "" : stoppedByItself(status);
  return sentence && <p class="last-failure">{sentence}</p>;
}

/** The users' latest actions. A click shows earlier ones. */
function Latest() {
  const model = useModel();
  const { zone, now } = model.clock.value;
  const me = model.actions.person.value.user;
  const actions = model.activity.actions.value;
  const [latest] = actions;
  // Reserve the line's space, so that nothing moves when the first action appears.
  if (!latest) return <p class="latest meta none" />;
  const sentence = ({ user, text, time }: typeof latest) =>
    `${user === me ? "you" : shownUser(user)} ${text}, ${zone.moment(time, now)}`;
  return (
    <details class="latest meta">
      <summary>
        Last: <span aria-live="polite">{sentence(latest)}</span>
      </summary>
      <ol aria-label="Recent actions">
        {actions.map((action) => (
          <li key={action.seq}>{sentence(action)}</li>
        ))}
      </ol>
    </details>
  );
}

function LockLine() {
  const model = useModel();
  const info = model.lock.value.value;
  const sentence = info ? lockSentence(info, model.clock.value) : "";
  if (!sentence) return null;
  return (
    <p class="warn">
      <span aria-hidden="true">⚠ </span>
      {sentence}
    </p>
  );
}

function AutostartOff({ reason }: { reason: string | null }) {
  if (!reason) return null;
  return (
    <p class="warn">
      <span aria-hidden="true">⚠ </span>
      Autostart switched itself off: {reason}.
    </p>
  );
}
