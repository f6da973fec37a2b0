/** The address of a view, such as `#/history?status=failed` or `#/item/UID`. It follows the `#`, so it works with any
 * path prefix. */

import { type ReadonlySignal, signal } from "@preact/signals";
import { createContext } from "preact";
import { useContext } from "preact/hooks";

export interface Address {
  /** The first part of the path, such as `item`. */
  readonly view: string;
  /** The parts after it, such as a uid. */
  readonly rest: readonly string[];
  readonly query: URLSearchParams;
}

const shown = signal<Address>(parsed(location.hash));

/** The current view, and how to go to another one. */
export interface Place {
  /** Whether the page has a window to itself; a view in a notebook does not. */
  readonly kind: "page" | "view";
  readonly address: ReadonlySignal<Address>;
  /** Go to a view. */
  go(link: string): void;
  /** Change the current view's address without adding a step for “Back”. */
  replace(link: string): void;
}

/** A place in the browser's address bar. It follows links, the “Back” button and typed addresses. */
export const PAGE: Place = {
  kind: "page",
  address: shown,
  go: (link) => {
    location.hash = link;
  },
  replace: (link) => {
    history.replaceState(history.state, "", link);
    shown.value = parsed(location.hash);
  },
};

/** A separate place, for a view that shares its window with others. */
export class OwnPlace implements Place {
  readonly kind = "view";
  readonly address = signal<Address>(parsed(""));

  readonly go = (link: string): void => {
    this.address.value = parsed(link);
  };

  readonly replace = this.go;
}

const PlaceContext = createContext<Place>(PAGE);
export const WithPlace = PlaceContext.Provider;

export function usePlace(): Place {
  return useContext(PlaceContext);
}

/** The link to a view: `linkTo("item", uid)`, `linkTo("history", { status: "failed" })`. */
export function linkTo(view: string, ...parts: (string | Record<string, string>)[]): string {
  const path = parts.filter((part) => typeof part === "string").map(encodeURIComponent);
  const pairs = parts.filter((part) => typeof part !== "string").flatMap(Object.entries);
  const query = new URLSearchParams(pairs.filter(([, value]) => value !== ""));
  return `#/${[view, ...path].join("/")}${query.size > 0 ? `?${query}` : ""}`;
}

/** Follow the browser's address until the returned function is called. */
export function followAddress(): () => void {
  const look = () => {
    shown.value = parsed(location.hash);
  };
  look();
  addEventListener("hashchange", look);
  return () => removeEventListener("hashchange", look);
}

function parsed(hash: string): Address {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [view = "", ...rest] = path.split("/").map(decoded);
  return { view, rest, query: new URLSearchParams(query) };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // somebody has typed this address
  }
}
