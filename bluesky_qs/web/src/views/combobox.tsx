/** A text field with suggestions while the user types. As at the prompt, Tab accepts the selected or first suggestion. */

import { useSignal } from "@preact/signals";
import type { Ref } from "preact";
import { useEffect, useId, useLayoutEffect, useRef } from "preact/hooks";

export interface Offered {
  text: string;
  /** A short description, shown beside the text. */
  note: string;
}

export interface FieldAttributes {
  id?: string;
  class?: string;
  name?: string;
  placeholder?: string;
  enterkeyhint?: "done";
  "aria-label"?: string;
  "aria-describedby"?: string;
  "aria-invalid"?: boolean;
  "aria-required"?: boolean;
  onFocus?: () => void;
}

interface Props {
  text: string;
  onText: (text: string) => void;
  /** Returns suggestions for the text before the cursor. */
  offersAt: (before: string) => readonly Offered[];
  /** Returns what the text before the cursor becomes when a suggestion is accepted. */
  take: (offer: Offered, before: string) => string;
  /** Called for keys that the list does not handle. */
  onKey?: (event: KeyboardEvent & { currentTarget: HTMLInputElement }) => void;
  onBlur?: () => void;
  /** Called with the text's scroll position. */
  onScrolled?: (left: number) => void;
  field?: Ref<HTMLInputElement>;
  attributes: FieldAttributes;
}

/** Maximum number of suggestions in the list. The user can type more to narrow them down. */
const MOST = 50;

export function Combobox(props: Props) {
  const { text, attributes } = props;
  const input = useRef<HTMLInputElement>(null);
  const cursor = useSignal<number | null>(null);
  const state = useOffers(props, input, cursor);
  const id = useId();
  useLayoutEffect(() => {
    if (cursor.value === null || !input.current) return;
    input.current.setSelectionRange(cursor.value, cursor.value);
    cursor.value = null;
  }, [cursor.value, text]);
  useEffect(() => {
    if (input.current) props.onScrolled?.(input.current.scrollLeft);
  });
  const setField = (element: HTMLInputElement | null) => {
    input.current = element;
    const { field } = props;
    if (typeof field === "function") field(element);
    else if (field) field.current = element;
  };
  const scrolled = () => props.onScrolled?.(input.current?.scrollLeft ?? 0);
  const { offers, at } = state;
  const isOpen = offers.length > 0;
  return (
    <span class="combobox">
      <input
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        {...attributes}
        ref={setField}
        type="text"
        role="combobox"
        aria-autocomplete="list"
        aria-expanded={isOpen}
        aria-controls={isOpen ? `${id}-list` : undefined}
        aria-activedescendant={isOpen && at >= 0 ? `${id}-${at}` : undefined}
        value={text}
        onInput={(event) => {
          props.onText(event.currentTarget.value);
          if (event.currentTarget.value) state.look();
          else state.close();
        }}
        onKeyDown={(event) => {
          if (!state.pressed(event)) props.onKey?.(event);
        }}
        onKeyUp={scrolled}
        onClick={scrolled}
        onBlur={() => {
          state.close();
          props.onBlur?.();
        }}
      />
      {isOpen && <OfferList id={id} label={attributes["aria-label"] ?? "Offers"} state={state} />}
    </span>
  );
}

function OfferList({ id, label, state }: { id: string; label: string; state: ReturnType<typeof useOffers> }) {
  const { offers, at } = state;
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    box.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [id, at]);
  return (
    <div ref={box} class="offers" role="listbox" id={`${id}-list`} aria-label={label} tabIndex={-1}>
      {offers.map((offer, place) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the field handles the keys
        <div
          key={offer.text}
          id={`${id}-${place}`}
          role="option"
          tabIndex={-1}
          aria-selected={place === at}
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => state.accept(offer)}
        >
          <span class="call">{offer.text}</span> <span class="meta">{offer.note}</span>
          {place === Math.max(at, 0) && (
            <span class="tab-key" aria-hidden="true">
              Tab
            </span>
          )}
        </div>
      ))}
    </div>
  );
}

/** The list below the field. Typing or ↓ opens it, and Escape closes it. */
function useOffers(
  { text, onText, offersAt, take }: Props,
  input: { current: HTMLInputElement | null },
  cursor: { value: number | null },
) {
  const isOpen = useSignal(false);
  const at = useSignal(-1);
  const before = () => (input.current?.value ?? text).slice(0, input.current?.selectionStart ?? text.length);
  const offers = isOpen.value ? offersAt(before()).slice(0, MOST) : [];
  const close = () => {
    isOpen.value = false;
    at.value = -1;
  };
  const look = () => {
    at.value = -1;
    isOpen.value = true;
  };
  const accept = (offer: Offered) => {
    const left = before();
    const taken = take(offer, left);
    onText(taken + (input.current?.value ?? text).slice(left.length));
    cursor.value = taken.length;
    // The text is complete, so Tab moves to the next field.
    if (/[(=.]$/.test(taken)) look();
    else close();
    input.current?.focus();
  };
  const step = (by: number) => {
    if (offers.length > 0) at.value = (at.value + by + offers.length) % offers.length;
    else if (by > 0 && offersAt(before()).length > 0) look();
    else return false;
    return true;
  };
  const acceptAt = (place: number) => {
    const offer = offers[place];
    if (!offer || take(offer, before()) === before()) return false;
    accept(offer);
    return true;
  };
  const keys: Record<string, () => boolean> = {
    ArrowDown: () => step(1),
    ArrowUp: () => offers.length > 0 && step(-1),
    Tab: () => acceptAt(Math.max(at.value, 0)),
    Enter: () => {
      const isTaken = acceptAt(at.value);
      if (!isTaken) close();
      return isTaken;
    },
    Escape: () => {
      const wasOpen = offers.length > 0;
      close();
      return wasOpen;
    },
  };
  const pressed = (event: KeyboardEvent): boolean => {
    if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return false;
    if (!keys[event.key]?.()) return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  };
  return { offers, at: at.value, look, close, accept, pressed };
}
