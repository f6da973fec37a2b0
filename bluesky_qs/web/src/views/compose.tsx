/** Adds and edits plans, as a typed line, in a form, or from a table. */

import { useSignal, useSignalEffect } from "@preact/signals";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import type { Composer, Place } from "../model/composer";
import { takes } from "../words/estimates";
import { planText } from "../words/plan";
import { shownUser } from "../words/results";
import { useModel } from "./app";
import { ConflictPanel } from "./conflict";
import { MetadataEditor } from "./metadata_editor";
import { PlanForm } from "./plan_form";
import { TableImport } from "./table_import";
import { TypedLine } from "./typed_line";

/** `toList` focuses the queue's list, where an item's edit began. Without a list, it does nothing. */
export function Compose({ toList }: { toList: () => void }) {
  const { composer, actions } = useModel();
  const isTable = useSignal(false);
  const show = (isShown: boolean) => {
    isTable.value = isShown;
  };
  if (!actions.may("write:queue:edit")) return null;
  return (
    <div class="compose">
      <ComposeForm composer={composer} openTable={() => show(true)} toList={toList} />
      {isTable.value && <TableImport close={() => show(false)} />}
    </div>
  );
}

interface FormProps {
  composer: Composer;
  openTable: () => void;
  toList: () => void;
}

function ComposeForm({ composer, openTable, toList }: FormProps) {
  const id = useId();
  const isInsisting = useSignal(false);
  const subject = composer.subject.value;
  const form = composer.form.value;
  const box = useRef<HTMLFormElement>(null);
  const wasForm = useRef(form !== null);
  useLayoutEffect(() => {
    // The focused button has disappeared.
    if (wasForm.current !== (form !== null)) box.current?.querySelector<HTMLInputElement>("input")?.focus();
    wasForm.current = form !== null;
  });
  const label = subject.kind === "edit" ? "Edit the plan" : "Add a plan";
  useSignalEffect(() => {
    void composer.text.value;
    isInsisting.value = false;
  });
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const element = event.currentTarget as HTMLFormElement;
    const isEdit = composer.subject.value.kind === "edit";
    if (await composer.submit()) {
      if (isEdit) toList();
      return;
    }
    isInsisting.value = true;
    selectFault(element.querySelector<HTMLInputElement>("input.plan-line"), composer);
  };
  const cancel = () => {
    box.current?.querySelector<HTMLInputElement>("input")?.focus();
    if (composer.subject.value.kind === "edit") toList();
    composer.cancel();
  };
  const keys = (event: KeyboardEvent) => {
    // The first Escape closes a list of suggestions.
    if (event.key === "Escape" && !event.defaultPrevented && composer.subject.value.kind !== "new") cancel();
  };
  const buttons = <Buttons composer={composer} openTable={openTable} cancel={cancel} />;
  return (
    <form
      ref={box}
      class="add"
      aria-labelledby={subject.kind === "new" ? undefined : id}
      onSubmit={(event) => void submit(event)}
      onKeyDown={keys}
    >
      <SubjectLine id={id} composer={composer} />
      {form ? (
        <PlanForm composer={composer} form={form} />
      ) : (
        <div class="line-row">
          <TypedLine composer={composer} label={label} isInsisting={isInsisting.value} />
          {buttons}
        </div>
      )}
      <div class="options">
        {subject.kind !== "edit" && <PlaceChoice composer={composer} />}
        <MetadataEditor composer={composer} />
      </div>
      {composer.problem.value && (
        <p class="bad" role="alert">
          <span aria-hidden="true">✕ </span>
          {composer.problem.value}
        </p>
      )}
      {composer.conflict.value && <ConflictPanel composer={composer} conflict={composer.conflict.value} />}
      {form && buttons}
      <Result composer={composer} />
    </form>
  );
}

function Buttons({ composer, openTable, cancel }: Omit<FormProps, "toList"> & { cancel: () => void }) {
  const { kind } = composer.subject.value;
  const form = composer.form.value;
  const isEdit = kind === "edit";
  return (
    <div class="buttons">
      <button type="submit" class="primary" disabled={composer.isBusy.value || (isEdit && !composer.isDirty.value)}>
        {isEdit ? "Save" : "Add"}
      </button>
      <button type="button" onClick={() => (form ? composer.closeForm() : void composer.openForm())}>
        {form ? "Type it" : "Form…"}
      </button>
      {kind === "new" ? (
        <button type="button" onClick={openTable}>
          From a table…
        </button>
      ) : (
        <button type="button" onClick={cancel}>
          Cancel
        </button>
      )}
    </div>
  );
}

/** Put the cursor at the first error. */
function selectFault(line: HTMLInputElement | null, composer: Composer): void {
  const fault = composer.reading.value.errors.find((each) => each.length > 0);
  if (!line || !fault) return;
  line.focus();
  line.setSelectionRange(fault.column, fault.column + fault.length);
}

function SubjectLine({ id, composer }: { id: string; composer: Composer }) {
  const model = useModel();
  const subject = composer.subject.value;
  if (subject.kind === "new") return null;
  const call = planText(subject.item, model.lists.names.value);
  const at = model.queue.items.value.findIndex((item) => item.item_uid === subject.item.item_uid);
  const who = shownUser(subject.item.user);
  const lead = subject.kind === "edit" ? `Edit ${at < 0 ? "" : `#${at} `}` : "Run again with changes: ";
  return (
    <h3 id={id}>
      {lead}
      <span class="call">{call}</span>
      {who && <span class="meta"> by {who}</span>}
    </h3>
  );
}

/** Selects where to add a new item: at an end of the queue, or next to the selected item. */
function PlaceChoice({ composer }: { composer: Composer }) {
  const { beside, queue } = useModel();
  const id = useId();
  const item = beside.value;
  const at = item ? queue.items.value.findIndex((each) => each.item_uid === item.item_uid) : -1;
  const places: [Place, string][] = [
    ["back", "at the end"],
    ["front", "at the front"],
    ...(at < 0
      ? []
      : ([
          ["before", `before #${at}`],
          ["after", `after #${at}`],
        ] as [Place, string][])),
  ];
  const chosen = places.some(([place]) => place === composer.place.value) ? composer.place.value : "back";
  return (
    <fieldset class="places">
      <legend>Where to add it</legend>
      {places.map(([place, text]) => (
        <label key={place} class="check">
          <input
            type="radio"
            name={id}
            checked={place === chosen}
            onChange={() => {
              composer.place.value = place;
            }}
          />
          {text}
        </label>
      ))}
    </fieldset>
  );
}

/** The message about the last change, with an estimate once it is known. */
function Result({ composer }: { composer: Composer }) {
  const outcome = composer.outcome.value;
  const estimate = composer.estimate.value;
  const time = estimate ? takes(estimate) : "";
  return (
    <div class="result" role="status">
      {outcome && (
        <p class="good">
          <span aria-hidden="true">✓ </span>
          {outcome.text}
          {time && <span class="meta"> · takes {time}</span>}
        </p>
      )}
      {outcome?.warnings.map((text) => (
        <p key={text} class="warn">
          <span aria-hidden="true">⚠ </span>
          {text}
        </p>
      ))}
    </div>
  );
}
