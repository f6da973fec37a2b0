/** A form to change one parameter of all selected plans. */

import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { commonParameters, objection, type Plans, withParameter } from "../model/parameters";
import type { Item } from "../source/source";
import { NotAValue, readValue, type Value } from "../words/literal";
import { planText } from "../words/plan";
import { plural } from "../words/times";
import { useModel } from "./app";

export function EditParameter({ close }: { close: () => void }) {
  const model = useModel();
  const { edit, lists } = model;
  const name = useSignal("");
  const text = useSignal("");
  const problem = useSignal("");
  const isBusy = useSignal(false);
  const field = useRef<HTMLInputElement>(null);
  const items = edit.selected().filter((item) => item.item_type === "plan");
  const names = commonParameters(items.map((item) => lists.known.value.plans[item.name]));
  useEffect(() => lists.wantPlans(), [lists]);
  useLayoutEffect(() => field.current?.focus(), []); // before the next key
  const change = async () => {
    const { plans } = await lists.read();
    const found = changes(items, plans, name.value.trim(), text.value, model.devices.value);
    return typeof found === "string" ? found : edit.replace(found.after, found.before);
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    if (isBusy.value) return;
    isBusy.value = true;
    problem.value = await change();
    isBusy.value = false;
    if (!problem.value) close();
  };
  return (
    <form
      class="edit-parameter"
      aria-label="Edit one parameter"
      onSubmit={(event) => void submit(event)}
      onKeyDown={(event) => event.key === "Escape" && close()}
    >
      <span>In {plural(items.length, "plan")}, set</span>
      <input
        ref={field}
        aria-label="Parameter"
        placeholder="num"
        list="common-parameters"
        required
        autocomplete="off"
        spellcheck={false}
        value={name.value}
        onInput={(event) => {
          name.value = event.currentTarget.value;
        }}
      />
      <datalist id="common-parameters">
        {names.map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
      <span aria-hidden="true">=</span>
      <input
        aria-label="Value, as in a plan"
        placeholder="5"
        required
        autocomplete="off"
        spellcheck={false}
        value={text.value}
        onInput={(event) => {
          text.value = event.currentTarget.value;
        }}
      />
      <button type="submit" class="primary" disabled={isBusy.value || items.length === 0}>
        Change
      </button>
      <button type="button" onClick={close}>
        Cancel
      </button>
      <p class="bad" role="alert">
        {problem.value && `✕ Nothing was changed. ${problem.value}`}
      </p>
    </form>
  );
}

/** The items with the new value, and the items before the change; or an error. */
function changes(
  items: readonly Item[],
  plans: Plans,
  name: string,
  text: string,
  known: ReadonlySet<string>,
): { before: Item[]; after: Item[] } | string {
  let value: Value;
  try {
    value = readValue(text);
  } catch (error) {
    if (!(error instanceof NotAValue)) throw error;
    return `${text}: ${error.message}`;
  }
  const before: Item[] = [];
  const after: Item[] = [];
  for (const item of items) {
    const plan = plans[item.name];
    const reason = objection(item, plan, name, value);
    if (reason) return `${planText(item, known)}: ${reason}.`;
    const changed = withParameter(item, plan, name, value);
    if (JSON.stringify(changed) === JSON.stringify({ ...item, args: item.args ?? [], kwargs: item.kwargs ?? {} }))
      continue;
    before.push(item);
    after.push(changed);
  }
  if (after.length === 0) return `All of these plans already have ${name}=${text}.`;
  return { before, after };
}
