/** The buttons that are available now and that the user may use. Dangerous ones ask for confirmation. */

import { useSignal } from "@preact/signals";
import { useEffect, useId, useLayoutEffect, useRef } from "preact/hooks";
import type { EndMethod } from "../model/ending";
import type { Status } from "../source/source";
import { absence, type Control, ENDS, possibleControls } from "../words/controls";
import { useModel } from "./app";
import { HOME } from "./dialog";
import { LockControls } from "./lock";
import { MoreButton } from "./more_button";
import { isFocusFree, rootOf } from "./root";
import { StartupRemarks } from "./startup_panel";

export function Controls({ status }: { status: Status }) {
  const model = useModel();
  const isOpen = useSignal(false);
  const box = useRef<HTMLDivElement>(null);
  const id = useId();
  useFocusKept(box);
  const controls = possibleControls(status, (scope) => model.actions.may(scope));
  const first = controls.filter((control) => control.isFirst);
  const others = controls.filter((control) => !control.isFirst);
  return (
    <div ref={box} class="controls">
      <div class="actions">
        {first.map((control) => (
          <ControlButton key={keyOf(control)} control={control} />
        ))}
        <MoreButton text="More" of={id} isOpen={isOpen} />
      </div>
      <div id={id} class="more" hidden={!isOpen.value}>
        {isOpen.value && <More controls={others} status={status} />}
      </div>
    </div>
  );
}

const keyOf = ({ method, label }: Control) => `${method} ${label}`;

function More({ controls, status }: { controls: Control[]; status: Status }) {
  const model = useModel();
  const reason = absence(model.actions.person.value);
  return (
    <>
      {controls.length > 0 && (
        <ul class="described">
          {controls.map((control) => (
            <li key={keyOf(control)}>
              <ControlButton control={control} isDescribed />
            </li>
          ))}
        </ul>
      )}
      {model.actions.may("write:queue:control") && <Switches status={status} />}
      <LockControls />
      <StartupRemarks status={status} />
      {reason && <p class="meta">{reason}</p>}
    </>
  );
}

/** A button. If it `isDescribed`, its description is shown beside it, otherwise as a tooltip. */
function ControlButton({ control, isDescribed = false }: { control: Control; isDescribed?: boolean }) {
  const model = useModel();
  const id = useId();
  const { method, weight } = control;
  const isBusy = model.actions.isBusy(method) || model.ending.pending.value === method;
  const press = async () => {
    if (isBusy) return;
    const { question, text, label } = control;
    const confirmation = { title: question, text, action: label.replace("…", "") };
    if (question && !(await model.dialogs.confirm(confirmation))) return;
    if (ENDS.includes(method)) await model.ending.end(method as EndMethod);
    else await model.actions.run(method, control.params);
  };
  return (
    <>
      <button
        type="button"
        class={weight === "plain" ? "" : weight}
        title={isDescribed ? undefined : control.text}
        aria-describedby={id}
        aria-busy={isBusy}
        aria-disabled={isBusy}
        onClick={() => void press()}
      >
        {control.label}
      </button>
      <span id={id} class="meta" hidden={!isDescribed}>
        {control.text}
      </span>
    </>
  );
}

/** Settings that stay on or off: queue modes and autostart. */
function Switches({ status }: { status: Status }) {
  const { actions } = useModel();
  const { loop, ignore_failures } = status.plan_queue_mode;
  const mode = (change: object) => void actions.run("queue_mode_set", { mode: { ...change } });
  return (
    <ul class="described">
      <Switch
        label="Autostart"
        text="The queue starts by itself as soon as it has plans and the environment is open and idle."
        isOn={status.queue_autostart_enabled}
        set={(enable) => void actions.run("queue_autostart", { enable })}
      />
      <Switch
        label="Loop"
        text="Each completed plan goes to the back of the queue."
        isOn={loop}
        set={(on) => mode({ loop: on })}
      />
      <Switch
        label="Ignore failures"
        text="The queue keeps running after a plan fails."
        isOn={ignore_failures}
        set={(on) => mode({ ignore_failures: on })}
      />
    </ul>
  );
}

interface SwitchProps {
  label: string;
  text: string;
  isOn: boolean;
  set: (isOn: boolean) => void;
}

/** A checkbox that shows the service's actual state, not the requested one. */
function Switch({ label, text, isOn, set }: SwitchProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (input.current) input.current.checked = isOn;
  });
  return (
    <li>
      <label class="check">
        <input
          ref={input}
          type="checkbox"
          aria-describedby={id}
          onClick={(event) => {
            event.preventDefault();
            set(!isOn);
          }}
        />
        {label}
      </label>
      <span id={id} class="meta">
        {text}
      </span>
    </li>
  );
}

/** If the focused button disappears because the state has changed, move the focus to the state. */
function useFocusKept(box: { readonly current: HTMLElement | null }): void {
  const held = useRef<HTMLElement | null>(null);
  useEffect(() => {
    const note = (event: Event) => {
      const element = event.composedPath()[0] as HTMLElement;
      held.current = box.current?.contains(element) ? element : null;
    };
    // The document gets no event when the focus moves within a shadow tree.
    const roots = new Set([document, rootOf(box.current)]);
    for (const root of roots) root.addEventListener("focusin", note);
    return () => {
      for (const root of roots) root.removeEventListener("focusin", note);
    };
  }, []);
  useLayoutEffect(() => {
    if (!held.current || held.current.isConnected) return;
    held.current = null;
    const root = rootOf(box.current);
    if (isFocusFree(root)) root.getElementById(HOME)?.focus();
  });
}
