/** Searches the history by words and filters, which are kept in the page's address. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { filterOf, type HistoryFilter, NO_FILTER, queryOf, STATUSES } from "../model/history_filter";
import { mergedMetadata } from "../words/plan";
import { shownUser } from "../words/results";
import { linkTo, usePlace } from "./address";
import { useModel } from "./app";
import { MoreButton } from "./more_button";

/** Milliseconds between the last key and the search, so that typing does not start a search for each letter. */
const PAUSE = 250;

/** The periods to choose from, by the number of hours before now. */
const PERIODS: Record<string, string> = { "8": "last 8 hours", "24": "last 24 hours", "168": "last 7 days" };
/** The choice for entering two times. */
const OWN = "own";

export function HistorySearch() {
  const draft = useDraft();
  const filter = draft.value;
  const isOpen = useSignal(Object.keys(queryOf({ ...filter, find: "" })).length > 0);
  const isAny = Object.keys(queryOf(filter)).length > 0;
  const id = useId();
  return (
    // biome-ignore lint/a11y/useSemanticElements: not all browsers at beamlines know <search>
    <form role="search" class="history-search" onSubmit={(event) => event.preventDefault()}>
      <div class="tools">
        <input
          type="search"
          aria-label="Search plans that have run"
          placeholder="Search plans, metadata, messages"
          value={filter.find}
          onInput={(event) => draft.set({ find: event.currentTarget.value })}
        />
        <MoreButton text="Filters" of={id} isOpen={isOpen} />
        {isAny && (
          <button type="button" onClick={() => draft.set(NO_FILTER)}>
            Clear filters
          </button>
        )}
      </div>
      <div class="filters" id={id} hidden={!isOpen.value}>
        <Filters draft={draft} />
      </div>
    </form>
  );
}

interface Draft {
  readonly value: HistoryFilter;
  set: (change: Partial<HistoryFilter>) => void;
}

/** The filter as typed. After a short pause, it goes into the address. If the address changes otherwise, it is reread. */
function useDraft(): Draft {
  const { address, replace } = usePlace();
  const draft = useSignal(filterOf(address.value.query));
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const key = address.value.query.toString();
  useEffect(() => {
    if (timer.current === undefined && linkOf(draft.value) !== linkOf(filterOf(address.value.query))) {
      draft.value = filterOf(address.value.query);
    }
  }, [key]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const set = (change: Partial<HistoryFilter>) => {
    draft.value = { ...draft.value, ...change };
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      timer.current = undefined;
      replace(linkOf(draft.value));
    }, PAUSE);
  };
  return { value: draft.value, set };
}

function linkOf(filter: HistoryFilter): string {
  return linkTo("history", queryOf(filter));
}

function Filters({ draft }: { draft: Draft }) {
  const model = useModel();
  const { value: filter, set } = draft;
  const items = model.past.items.value;
  const plans = [...new Set(items.map((item) => item.name ?? ""))].sort();
  const users = [...new Set(items.map((item) => nameOf(item.user)))].filter(Boolean).sort();
  return (
    <>
      <TextField name="Plan" value={filter.plan} offers={plans} hint="scan or *scan" set={(plan) => set({ plan })} />
      <TextField name="User" value={filter.user} offers={users} set={(user) => set({ user })} />
      <Field name="Ended">
        {(id) => (
          <select id={id} value={filter.status} onChange={(event) => set({ status: event.currentTarget.value })}>
            <option value="">in any way</option>
            {Object.entries(STATUSES).map(([name, { title }]) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </select>
        )}
      </Field>
      <TextField name="Scan number" value={filter.scan} digits set={(scan) => set({ scan })} />
      <Period draft={draft} />
      <MetadataFilters draft={draft} />
    </>
  );
}

/** The name for finding a user, without the display name. With a shared key, it is the client's name. */
function nameOf(user: string | undefined): string {
  return /^(\S+) ["<]/.exec(user ?? "")?.[1] ?? shownUser(user);
}

function Field({ name, children }: { name: string; children: (id: string) => ComponentChildren }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{name}</label>
      {children(id)}
    </div>
  );
}

interface TextProps {
  name: string;
  value: string;
  set: (value: string) => void;
  offers?: readonly string[];
  hint?: string;
  digits?: boolean;
}

function TextField({ name, value, set, offers = [], hint, digits }: TextProps) {
  return (
    <Field name={name}>
      {(id) => (
        <>
          <input
            id={id}
            value={value}
            placeholder={hint}
            list={offers.length > 0 ? `${id}-offers` : undefined}
            inputMode={digits ? "numeric" : undefined}
            pattern={digits ? "[0-9]*" : undefined}
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            onInput={(event) => set(event.currentTarget.value)}
          />
          {offers.length > 0 && <Offers id={`${id}-offers`} texts={offers} />}
        </>
      )}
    </Field>
  );
}

function Offers({ id, texts }: { id: string; texts: readonly string[] }) {
  return (
    <datalist id={id}>
      {texts.map((text) => (
        <option key={text} value={text} />
      ))}
    </datalist>
  );
}

function Period({ draft }: { draft: Draft }) {
  const { value: filter, set } = draft;
  const isOwn = useSignal(Boolean(filter.from || filter.to));
  const isShown = isOwn.value || Boolean(filter.from || filter.to);
  const choose = (choice: string) => {
    isOwn.value = choice === OWN;
    set({ hours: choice === OWN ? "" : choice, from: "", to: "" });
  };
  return (
    <>
      <Field name="Started">
        {(id) => (
          <select id={id} value={isShown ? OWN : filter.hours} onChange={(event) => choose(event.currentTarget.value)}>
            <option value="">at any time</option>
            {Object.entries(withOther(filter.hours)).map(([hours, title]) => (
              <option key={hours} value={hours}>
                {title}
              </option>
            ))}
            <option value={OWN}>from … to …</option>
          </select>
        )}
      </Field>
      {isShown && <Moment name="From" value={filter.from} set={(from) => set({ from })} />}
      {isShown && <Moment name="To" value={filter.to} set={(to) => set({ to })} />}
    </>
  );
}

/** The periods to choose from, including the period in the address if it is a different one. */
function withOther(hours: string): Record<string, string> {
  return Number(hours) > 0 && !(hours in PERIODS) ? { ...PERIODS, [hours]: `last ${hours} hours` } : PERIODS;
}

function Moment({ name, value, set }: { name: string; value: string; set: (value: string) => void }) {
  return (
    <Field name={name}>
      {(id) => (
        <input id={id} type="datetime-local" value={value} onInput={(event) => set(event.currentTarget.value)} />
      )}
    </Field>
  );
}

/** A line for each metadata key, and an empty line for adding a key. */
function MetadataFilters({ draft }: { draft: Draft }) {
  const { value: filter, set } = draft;
  const items = useModel().past.items.value;
  const keys = [...new Set(items.flatMap((item) => Object.keys(mergedMetadata(item.meta))))].sort();
  const id = useId();
  const rows = [...filter.meta, ["", ""] as const];
  const change = (at: number, row: readonly [string, string]) => {
    const meta = rows.map((each, place) => (place === at ? row : each));
    set({ meta: meta.filter(([key, value]) => key || value) });
  };
  return (
    <fieldset class="metadata-filters">
      <legend>Metadata</legend>
      {rows.map(([key, value], at) => (
        <div key={at}>
          <input
            aria-label={`Metadata key ${at + 1}`}
            placeholder="sample"
            list={`${id}-keys`}
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            value={key}
            onInput={(event) => change(at, [event.currentTarget.value, value])}
          />
          <input
            aria-label={`Metadata value ${at + 1}`}
            placeholder="S0* (* and ? stand for any text)"
            autocomplete="off"
            spellcheck={false}
            value={value}
            onInput={(event) => change(at, [key, event.currentTarget.value])}
          />
        </div>
      ))}
      <Offers id={`${id}-keys`} texts={keys} />
    </fieldset>
  );
}
