/** The line for typing a plan. Errors are shown below the column that they refer to. */

import { useSignal, useSignalEffect } from "@preact/signals";
import { useId, useRef } from "preact/hooks";
import type { Composer } from "../model/composer";
import type { Fault } from "../model/reading";
import { offersFor, offersWhileTyping } from "../words/completion";
import { lastOpen } from "../words/tokens";
import { useModel } from "./app";
import { Combobox, type Offered } from "./combobox";

interface Props {
  composer: Composer;
  label: string;
  /** Whether the user has tried to add the plan. After that, unfinished text is an error. */
  isInsisting: boolean;
}

export function TypedLine({ composer, label, isInsisting }: Props) {
  const { lists } = useModel();
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const scrolled = useSignal(0);
  const text = composer.text.value;
  const { errors, warnings } = shown(composer, isInsisting);
  const [first] = [...errors, ...warnings].filter((fault) => fault.length > 0);
  useSignalEffect(() => {
    if (composer.subject.value.kind !== "new") field.current?.focus();
  });
  const keys = (event: KeyboardEvent) => {
    if (event.key !== "ArrowUp" || !composer.recall()) return;
    event.preventDefault();
  };
  return (
    <div class="typed">
      <Combobox
        field={field}
        text={text}
        onText={(typed) => composer.type(typed)}
        offersAt={(before) =>
          offersWhileTyping(before, lists.known.value).offers.map((offer) => ({ text: offer.text, note: offer.kind }))
        }
        take={(offer, before) => taken(offer, before, lists.known.value)}
        onKey={keys}
        onScrolled={(left) => {
          scrolled.value = left;
        }}
        attributes={{
          id: `${id}-line`,
          class: "plan-line",
          name: "plan",
          "aria-label": label,
          placeholder: "Type a plan: scan([det1], motor, -1, 1, 20)",
          "aria-invalid": errors.length > 0,
          "aria-describedby": `${id}-faults`,
          enterkeyhint: "done",
          onFocus: () => lists.wantPlans(),
        }}
      />
      <div class="carets" aria-hidden="true">
        {first && (
          <span style={{ transform: `translateX(${-scrolled.value}px)` }}>
            <span class="before">{text.slice(0, first.column)}</span>
            <span class={errors.length > 0 ? "bad" : "warn"}>{"^".repeat(Math.max(first.length, 1))}</span>
          </span>
        )}
      </div>
      <Faults id={`${id}-faults`} errors={errors} warnings={warnings} />
    </div>
  );
}

/** Errors and warnings. Screen readers read them out when they change. */
export function Faults({
  id,
  errors,
  warnings,
}: {
  id?: string;
  errors: readonly Fault[];
  warnings: readonly Fault[];
}) {
  return (
    <div id={id} class="faults" role="status">
      {errors.map(({ text }) => (
        <p key={text} class="bad">
          <span aria-hidden="true">✕ </span>
          {text}
        </p>
      ))}
      {warnings.map(({ text }) => (
        <p key={text} class="warn">
          <span aria-hidden="true">⚠ </span>
          {text}
        </p>
      ))}
    </div>
  );
}

/** The errors in the current text, except those that exist only because the text is unfinished. */
function shown(composer: Composer, isInsisting: boolean): { errors: readonly Fault[]; warnings: readonly Fault[] } {
  const reading = composer.reading.value;
  const text = composer.text.value;
  if (reading.text !== text || (!isInsisting && isUnfinished(text))) return { errors: [], warnings: [] };
  return reading;
}

/** Whether the text may be the beginning of a plan: a name, or a call with open brackets. */
export function isUnfinished(text: string): boolean {
  return /^\s*[\p{L}_]?[\p{L}\p{N}_.]*$/u.test(text) || lastOpen(text)?.length !== 0;
}

/** Add the bracket after a plan. */
function taken(offer: Offered, before: string, known: Parameters<typeof offersFor>[1]): string {
  const { fragment } = offersFor(before, known);
  const isOutside = lastOpen(before)?.length === 0;
  return (
    before.slice(0, before.length - fragment.length) + offer.text + (isOutside && offer.note === "plan" ? "(" : "")
  );
}
