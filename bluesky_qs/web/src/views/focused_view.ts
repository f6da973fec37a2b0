/** Sets the focus after the user has gone to another view. */

import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { usePlace } from "./address";
import { isFocusFree, rootOf } from "./root";

/**
 * Focus a new view if nothing has the focus, because the link to it disappeared with the old view. Otherwise, nothing
 * would show where Tab starts.
 */
export function useFocusedView(view: string): RefObject<HTMLElement | null> {
  const main = useRef<HTMLElement>(null);
  const where = [view, ...usePlace().address.value.rest].join("/");
  const before = useRef(where);
  useLayoutEffect(() => {
    if (before.current === where) return;
    before.current = where;
    if (isFocusFree(rootOf(main.current))) main.current?.focus({ preventScroll: true });
  }, [where]);
  return main;
}
