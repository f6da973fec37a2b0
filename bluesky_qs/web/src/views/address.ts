/** The address of a view: `#/history?status=failed`, `#/item/UID`. It is behind the `#`, so it works at any prefix. */

import { type ReadonlySignal, signal } from "@preact/signals";

export interface Address {
  /** The first part of the path, such as `item`. */
  readonly view: string;
  /** The parts behind it, such as a uid. */
  readonly rest: readonly string[];
  readonly query: URLSearchParams;
}

const shown = signal<Address>(parsed(location.hash));

/** Where the page is now. It follows links, the button “Back” and addresses that are typed. */
export const address: ReadonlySignal<Address> = shown;

/** The link to a view: `linkTo("item", uid)`, `linkTo("history", { status: "failed" })`. */
export function linkTo(view: string, ...parts: (string | Record<string, string>)[]): string {
  const path = parts.filter((part) => typeof part === "string").map(encodeURIComponent);
  const pairs = parts.filter((part) => typeof part !== "string").flatMap(Object.entries);
  const query = new URLSearchParams(pairs.filter(([, value]) => value !== ""));
  return `#/${[view, ...path].join("/")}${query.size > 0 ? `?${query}` : ""}`;
}

/** Go to a view. */
export function go(link: string): void {
  location.hash = link;
}

/** Change the address of the view that is shown, without a step for “Back”. */
export function replace(link: string): void {
  history.replaceState(history.state, "", link);
  shown.value = parsed(location.hash);
}

/** Follow the address until the returned function is called. */
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
    return part; // an address that somebody has typed
  }
}
