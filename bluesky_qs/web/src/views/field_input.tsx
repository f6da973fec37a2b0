/** The input for one parameter. Its form depends on the kind: number, choice, switch, devices, text or typed value. */

import { useSignal } from "@preact/signals";
import { type Editor, EMPTY, type Entry, editorOf, entryFor, entryOf, type Field, stepped } from "../model/form";
import type { Kind } from "../words/annotation";
import { choicesFor } from "../words/choices";
import { offersForValue } from "../words/completion";
import type { Value } from "../words/literal";
import { valueText } from "../words/plan";
import { useModel } from "./app";
import { Combobox, type FieldAttributes } from "./combobox";

interface Props {
  id: string;
  field: Field;
  entry: Entry | undefined;
  isWrong: boolean;
  fill: (entry: Entry) => void;
}

type Parts = Props & { entry: Entry; attributes: FieldAttributes };

const NONE: Entry = { text: "None", value: null, problem: "" };

export function FieldInput(props: Props) {
  const { id, field, isWrong } = props;
  const entry = props.entry ?? EMPTY;
  // If the default is None, an empty field already means None.
  const hasNone = field.shape.canBeNone && field.default !== null && field.shape.kind.type !== "choice";
  const isNone = hasNone && entry.value === null;
  const attributes: FieldAttributes = {
    id,
    "aria-describedby": `${id}-about`,
    "aria-invalid": isWrong,
    "aria-required": field.isRequired,
    placeholder: field.defaultText && `default ${field.defaultText}`,
  };
  const Input = INPUTS[editorOf(field, entry.value)];
  return (
    <span class="input">
      {isNone ? (
        <input {...attributes} value="None" disabled />
      ) : (
        <Input {...props} entry={entry} attributes={attributes} />
      )}
      {hasNone && (
        <label class="check">
          <input
            type="checkbox"
            aria-label={`${field.name} is None`}
            checked={isNone}
            onChange={(event) => props.fill(event.currentTarget.checked ? NONE : EMPTY)}
          />
          None
        </label>
      )}
    </span>
  );
}

const INPUTS: Record<Editor, (parts: Parts) => preact.JSX.Element> = {
  choice: ChoiceInput,
  device: NameInput,
  many: ManyInput,
  number: NumberInput,
  plan: NameInput,
  switch: SwitchInput,
  text: TextInput,
  typed: TypedInput,
};

function TextInput({ field, entry, fill, attributes }: Parts) {
  return (
    <input
      {...attributes}
      type="text"
      autocomplete="off"
      value={entry.text}
      onInput={(event) => fill(entryOf(field, event.currentTarget.value))}
    />
  );
}

/** A number. The ↑ and ↓ keys change it by one step. */
function NumberInput({ field, entry, fill, attributes }: Parts) {
  const value = typeof entry.value === "number" ? entry.value : null;
  const keys = (event: KeyboardEvent) => {
    const direction = ({ ArrowUp: 1, ArrowDown: -1 } as const)[event.key as "ArrowUp"];
    if (direction === undefined) return;
    event.preventDefault();
    const start = value ?? (typeof field.default === "number" ? field.default : null);
    const next = start === null ? (field.min ?? 0) : stepped(field, start, direction);
    fill(entryFor(field, next, new Set()));
  };
  return (
    <input
      {...attributes}
      type="text"
      inputMode="decimal"
      role="spinbutton"
      autocomplete="off"
      aria-valuenow={value ?? undefined}
      aria-valuetext={value === null ? "empty" : undefined}
      aria-valuemin={field.min ?? undefined}
      aria-valuemax={field.max ?? undefined}
      value={entry.text}
      onKeyDown={keys}
      onInput={(event) => fill(entryOf(field, event.currentTarget.value))}
    />
  );
}

function ChoiceInput(parts: Parts) {
  const { kind } = parts.field.shape;
  return <Select {...parts} choices={kind.type === "choice" ? kind.choices : []} />;
}

/** A switch, or a choice if the default is neither True nor False. */
function SwitchInput(parts: Parts) {
  const { field, entry, fill, id } = parts;
  if (typeof field.default !== "boolean") return <Select {...parts} choices={[true, false]} />;
  const value = typeof entry.value === "boolean" ? entry.value : field.default;
  return (
    <label class="check">
      <input
        id={id}
        type="checkbox"
        role="switch"
        aria-checked={value}
        aria-describedby={`${id}-about`}
        checked={value}
        onChange={(event) => {
          const next = event.currentTarget.checked;
          fill(next === field.default ? EMPTY : entryFor(field, next, new Set()));
        }}
      />
      {valueText(value)}
      {entry.value === undefined && <span class="meta">default</span>}
    </label>
  );
}

function Select({ id, field, entry, isWrong, fill, choices }: Parts & { choices: readonly Value[] }) {
  const at = choices.indexOf(entry.value as Value);
  return (
    <select
      id={id}
      aria-describedby={`${id}-about`}
      aria-invalid={isWrong}
      aria-required={field.isRequired}
      value={String(at)}
      onChange={(event) => {
        const value = choices[Number(event.currentTarget.value)];
        fill(event.currentTarget.value === "-1" ? EMPTY : entryFor(field, value, new Set()));
      }}
    >
      <option value="-1">{field.isRequired ? "Choose …" : `default ${field.defaultText}`}</option>
      {choices.map((each, place) => (
        <option key={valueText(each)} value={String(place)}>
          {typeof each === "string" ? each : valueText(each)}
        </option>
      ))}
    </select>
  );
}

/** A device or plan name. Typing part of it filters the list. */
function NameInput({ field, entry, fill, attributes }: Parts) {
  const { lists } = useModel();
  return (
    <Combobox
      text={entry.text}
      onText={(text) => fill(entryOf(field, text))}
      offersAt={(before) => choicesFor(field.shape.kind, before, lists.known.value)}
      take={(offer) => offer.text}
      attributes={attributes}
    />
  );
}

/** Several names. Typing part of a name filters the list. */
function ManyInput({ field, entry, fill, attributes }: Parts) {
  const { lists } = useModel();
  const typed = useSignal("");
  const { kind } = field.shape;
  const item: Kind = kind.type === "list" ? kind.item : { type: "any" };
  const chosen = (entry.value ?? []) as readonly string[];
  const put = (names: readonly string[]) =>
    fill(names.length > 0 ? entryFor(field, [...names], lists.names.value) : EMPTY);
  const add = (text: string) => {
    const parts = text.split(",").map((part) => part.trim().replace(/^'(.*)'$/, "$1"));
    typed.value = "";
    put([...chosen, ...parts.filter((part) => part && !chosen.includes(part))]);
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Backspace" && !typed.value && chosen.length > 0) put(chosen.slice(0, -1));
    else if (event.key === "Enter" && typed.value.trim()) add(typed.value);
    else return;
    event.preventDefault();
  };
  return (
    <span class="many">
      {chosen.map((name) => (
        <span key={name} class="name-chip">
          {name}
          <button
            type="button"
            class="quiet"
            aria-label={`Remove ${name}`}
            onClick={() => put(chosen.filter((each) => each !== name))}
          >
            ×
          </button>
        </span>
      ))}
      <Combobox
        text={typed.value}
        onText={(text) => {
          if (text.includes(",")) add(text);
          else typed.value = text;
        }}
        offersAt={(before) =>
          choicesFor(item, before, lists.known.value).filter(
            ({ text }) => !chosen.includes(text.replace(/^'(.*)'$/, "$1")),
          )
        }
        take={(offer) => `${offer.text},`}
        onKey={keys}
        onBlur={() => typed.value.trim() && add(typed.value)}
        attributes={{ ...attributes, placeholder: chosen.length > 0 ? "" : (attributes.placeholder ?? "") }}
      />
    </span>
  );
}

/** A value typed as in a plan, or as JSON. */
function TypedInput({ field, entry, fill, attributes }: Parts) {
  const { lists } = useModel();
  return (
    <Combobox
      text={entry.text}
      onText={(text) => fill(entryOf(field, text))}
      offersAt={(before) =>
        offersForValue(before, lists.known.value).offers.map(({ text, kind }) => ({ text, note: kind }))
      }
      take={(offer, before) => {
        const { fragment } = offersForValue(before, lists.known.value);
        return before.slice(0, before.length - fragment.length) + offer.text;
      }}
      attributes={{ ...attributes, class: "call" }}
    />
  );
}
