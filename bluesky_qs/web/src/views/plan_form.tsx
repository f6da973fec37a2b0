/** A form for a plan: one field for each parameter. */

import { useId } from "preact/hooks";
import type { Composer, Form } from "../model/composer";
import { type Field, fieldAt } from "../model/form";
import type { Fault } from "../model/reading";
import { kindText } from "../words/annotation";
import { choicesFor } from "../words/choices";
import { summaryOf } from "../words/descriptions";
import { useModel } from "./app";
import { Combobox } from "./combobox";
import { FieldInput } from "./field_input";
import { Faults } from "./typed_line";

export function PlanForm({ composer, form }: { composer: Composer; form: Form }) {
  const { errors, warnings } = composer.reading.value;
  const elsewhere = (fault: Fault) => fieldAt(form.fields, fault.path) === undefined;
  return (
    <div class="plan-form">
      <PlanChoice composer={composer} name={form.name} />
      <div class="plan-fields">
        {form.fields.map((field) => (
          <OneField key={`${form.name} ${field.name}`} composer={composer} form={form} field={field} />
        ))}
      </div>
      {form.name && form.fields.length === 0 && <p class="meta">This plan has no parameters.</p>}
      <Faults errors={errors.filter(elsewhere)} warnings={warnings.filter(elsewhere)} />
    </div>
  );
}

function PlanChoice({ composer, name }: { composer: Composer; name: string }) {
  const { lists } = useModel();
  const id = useId();
  const { known, arePlansRead } = lists;
  const { plans } = known.value;
  const { first, rest } = summaryOf(plans[name]?.description);
  return (
    <div class="one-field plan">
      <label for={id}>Plan</label>
      <Combobox
        text={name}
        onText={(text) => composer.choosePlan(text.trim())}
        offersAt={(before) => choicesFor({ type: "plan" }, before, known.value)}
        take={(offer) => offer.text}
        attributes={{ id, "aria-describedby": `${id}-about` }}
      />
      <div id={`${id}-about`} class="meta">
        {first}
        {name && arePlansRead.value && !plans[name] && `There is no plan ${name} that you may use.`}
        {arePlansRead.value && Object.keys(plans).length === 0 && "No plans are known yet: open the environment first."}
      </div>
      <Rest text={rest} />
    </div>
  );
}

function OneField({ composer, form, field }: { composer: Composer; form: Form; field: Field }) {
  const id = useId();
  const { errors, warnings } = composer.reading.value;
  const mine = (fault: Fault) => fieldAt(form.fields, fault.path) === field;
  const problem = composer.problems.value[field.name];
  const local: Fault[] = problem ? [{ text: problem, column: 0, length: 0, path: [] }] : [];
  const wrong = local.length > 0 ? local : errors.filter(mine);
  const { first, rest } = summaryOf(field.description);
  const kind = field.binding === "others" ? "values, separated by commas" : kindText(field.shape);
  return (
    <div class="one-field">
      <label for={id}>
        <span class="call">
          {field.binding === "others" ? "*" : field.binding === "other names" ? "**" : ""}
          {field.name}
        </span>{" "}
        <span class="meta">
          {kind}
          {field.isRequired && " · required"}
          {field.isUnknown && " · the plan has no such parameter"}
        </span>
      </label>
      <FieldInput
        id={id}
        field={field}
        entry={form.entries[field.name]}
        isWrong={wrong.length > 0}
        fill={(entry) => composer.fill(field, entry)}
      />
      <div id={`${id}-about`} class="about">
        <Faults errors={wrong} warnings={warnings.filter(mine)} />
        <span class="meta">{[rangeText(field), first].filter(Boolean).join(" · ")}</span>
        <Rest text={rest} />
      </div>
    </div>
  );
}

function Rest({ text }: { text: string }) {
  if (!text) return null;
  return (
    <details>
      <summary>Description</summary>
      <pre>{text}</pre>
    </details>
  );
}

/** `0 to 10 in steps of 0.5`. */
function rangeText({ min, max, step }: Field): string {
  const range =
    min !== null && max !== null
      ? `${min} to ${max}`
      : min !== null
        ? `${min} or more`
        : max !== null
          ? `up to ${max}`
          : "";
  return [range, step !== null ? `in steps of ${step}` : ""].filter(Boolean).join(" ");
}
