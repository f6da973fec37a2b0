/** A plan's metadata: names and values. */

import { useId } from "preact/hooks";
import type { Composer } from "../model/composer";
import { type MetaRow, metaKind } from "../words/metadata";
import { mergedMetadata } from "../words/plan";
import { useModel } from "./app";

/** Maximum number of items whose metadata is suggested. */
const MOST_ITEMS = 100;

export function MetadataEditor({ composer }: { composer: Composer }) {
  const id = useId();
  const rows = composer.meta.value;
  const set = (at: number, row: MetaRow) => composer.setMeta(rows.map((each, place) => (place === at ? row : each)));
  return (
    <fieldset class="metadata">
      <legend>Metadata</legend>
      {rows.map((row, at) => (
        <div key={at} class="meta-row">
          <input
            aria-label={`Name ${at + 1}`}
            placeholder="sample"
            list={`${id}-names`}
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            value={row.key}
            ref={(input) => {
              if (input && !row.key && !row.text && at === rows.length - 1 && input.dataset.seen === undefined)
                input.focus();
              if (input) input.dataset.seen = "";
            }}
            onInput={(event) => set(at, { ...row, key: event.currentTarget.value })}
          />
          <span aria-hidden="true">=</span>
          <input
            aria-label={`Value ${at + 1}`}
            placeholder="S03"
            autocomplete="off"
            spellcheck={false}
            value={row.text}
            onInput={(event) => set(at, { ...row, text: event.currentTarget.value })}
          />
          <span class="meta kind">{metaKind(row.text)}</span>
          <button
            type="button"
            class="quiet"
            aria-label={`Remove ${row.key || "this line"}`}
            onClick={() => composer.setMeta(rows.filter((_, place) => place !== at))}
          >
            ×
          </button>
        </div>
      ))}
      <button type="button" onClick={() => composer.setMeta([...rows, { key: "", text: "" }])}>
        Add metadata
      </button>
      <Names id={`${id}-names`} />
    </fieldset>
  );
}

/** Names used in other items. */
function Names({ id }: { id: string }) {
  const { queue, past } = useModel();
  const items = [...queue.items.value.slice(0, MOST_ITEMS), ...past.items.value.slice(0, MOST_ITEMS)];
  const names = new Set(items.flatMap((item) => Object.keys(mergedMetadata(item.meta))));
  return (
    <datalist id={id}>
      {[...names].sort().map((name) => (
        <option key={name} value={name} />
      ))}
    </datalist>
  );
}
