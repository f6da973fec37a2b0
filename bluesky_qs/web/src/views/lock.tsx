/** Locks and unlocks the service, and lets users enter the key for someone else's lock. */

import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import type { Schemas } from "../source/source";
import { useModel } from "./app";
import { Dialog } from "./dialog";

type LockInfo = Schemas["LockInfo"];
type Open = "" | "lock" | "unlock" | "use";

export function LockControls() {
  const model = useModel();
  const open = useSignal<Open>("");
  const info = model.lock.value.value;
  const isLocked = Boolean(info?.environment || info?.queue);
  const mayLock = model.actions.may("write:lock");
  const close = () => {
    open.value = "";
  };
  const buttons: [Open, string, string][] = [];
  if (mayLock && !isLocked)
    buttons.push(["lock", "Lock…", "Keep others from changing the queue or using the environment."]);
  if (mayLock && isLocked) buttons.push(["unlock", "Unlock…", "Remove the lock, using its key."]);
  if (isLocked)
    buttons.push(["use", "Use the key…", "Work while the service is locked. Ask the user who locked it for the key."]);
  if (buttons.length === 0) return null;
  return (
    <>
      <ul class="described">
        {buttons.map(([name, label, text]) => (
          <li key={name}>
            <button
              type="button"
              onClick={() => {
                open.value = name;
              }}
            >
              {label}
            </button>
            <span class="meta">{text}</span>
          </li>
        ))}
      </ul>
      {open.value === "lock" && <LockDialog close={close} />}
      {open.value === "unlock" && info && <UnlockDialog info={info} close={close} />}
      {open.value === "use" && <KeyDialog close={close} />}
    </>
  );
}

function useForm(take: (fields: FormData) => Promise<void> | void) {
  return (event: SubmitEvent) => {
    event.preventDefault();
    void take(new FormData(event.currentTarget as HTMLFormElement));
  };
}

function LockDialog({ close }: { close: () => void }) {
  const { actions, notices } = useModel();
  const problem = useSignal("");
  const id = useId();
  const submit = useForm(async (fields) => {
    const environment = fields.has("environment");
    const queue = fields.has("queue");
    const key = String(fields.get("key") ?? "");
    const note = String(fields.get("note") ?? "").trim();
    if (!environment && !queue) problem.value = "Choose what to lock: the queue, the environment or both.";
    else if (!key) problem.value = "Type a key. You need it to unlock.";
    else {
      const reply = await actions.run("lock", { environment, queue, lock_key: key, note: note || null }, { refused });
      if (!reply) return;
      actions.lockKey.value = key;
      notices.done("Locked. This page uses the key until you close it.");
      close();
    }
  });
  const refused = (error: Error) => {
    problem.value = error.message;
  };
  return (
    <Dialog title="Lock" onClose={close}>
      <form onSubmit={submit}>
        <Problem text={problem.value} />
        <fieldset>
          <legend>What others may not do</legend>
          <label class="check">
            <input type="checkbox" name="queue" defaultChecked />
            Change the queue
          </label>
          <label class="check">
            <input type="checkbox" name="environment" defaultChecked />
            Use the environment: open, close, run plans
          </label>
        </fieldset>
        <label>
          Reason, and until when (others can see this)
          <input name="note" maxLength={200} placeholder="aligning the mirror, back at 15:00" autocomplete="off" />
        </label>
        <label>
          Key
          <input name="key" type="password" autocomplete="new-password" aria-describedby={`${id}-key`} />
        </label>
        <p id={`${id}-key`} class="meta">
          Anyone with the key can unlock, and can keep working while the service is locked.
        </p>
        <Answers close={close} action="Lock" isBusy={actions.isBusy("lock")} />
      </form>
    </Dialog>
  );
}

function UnlockDialog({ info, close }: { info: LockInfo; close: () => void }) {
  const { actions, notices } = useModel();
  const problem = useSignal("");
  const submit = useForm(async (fields) => {
    const key = String(fields.get("key") ?? "") || actions.lockKey.value || "";
    if (!key) {
      problem.value = "Type the key.";
      return;
    }
    const refused = () => {
      problem.value = "The key is wrong. Nothing has changed.";
    };
    if (!(await actions.run("unlock", { lock_key: key }, { refused }))) return;
    actions.lockKey.value = null;
    notices.done("Unlocked.");
    close();
  });
  const known = actions.lockKey.value !== null;
  return (
    <Dialog title="Unlock" onClose={close}>
      <form onSubmit={submit}>
        <Problem text={problem.value} />
        <label>
          {known ? "Key (leave empty to use this page's key)" : "Key"}
          <input name="key" type="password" autocomplete="off" />
        </label>
        {info.emergency_lock_key_is_set && <p class="meta">The service's emergency key also works.</p>}
        <Answers close={close} action="Unlock" isBusy={actions.isBusy("unlock")} />
      </form>
    </Dialog>
  );
}

function KeyDialog({ close }: { close: () => void }) {
  const { actions, notices } = useModel();
  const problem = useSignal("");
  const submit = useForm((fields) => {
    const key = String(fields.get("key") ?? "");
    if (!key) {
      problem.value = "Type the key.";
      return;
    }
    actions.lockKey.value = key;
    notices.done("This page uses the key until you close it.");
    close();
  });
  return (
    <Dialog title="Use the lock's key" onClose={close}>
      <form onSubmit={submit}>
        <Problem text={problem.value} />
        <label>
          Key
          <input name="key" type="password" autocomplete="off" />
        </label>
        <Answers close={close} action="Use the key" isBusy={false} />
      </form>
    </Dialog>
  );
}

function Problem({ text }: { text: string }) {
  if (!text) return null;
  return (
    <p role="alert" class="bad">
      <span aria-hidden="true">✕ </span>
      {text}
    </p>
  );
}

function Answers({ close, action, isBusy }: { close: () => void; action: string; isBusy: boolean }) {
  return (
    <div class="answers">
      <button type="button" onClick={close}>
        Cancel
      </button>
      <button type="submit" class="primary" aria-busy={isBusy}>
        {action}
      </button>
    </div>
  );
}
