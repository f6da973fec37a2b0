/** The tree that a view is in: the document, or the shadow tree of a notebook's output. */

type Root = Document | ShadowRoot;

/** The tree of an element. */
export function rootOf(element: Element | null): Root {
  const root = element?.getRootNode();
  return root instanceof ShadowRoot ? root : document;
}

/** The element of a tree that has the focus; null if it is elsewhere. */
export function focused(root: Root): Element | null {
  return root.activeElement === document.body ? null : root.activeElement;
}

/** Whether nothing in the window has the focus, so that a view may take it. */
export function isFocusFree(root: Root): boolean {
  const active = document.activeElement;
  return focused(root) === null && (active === null || active === document.body);
}

/** Call a function whenever the colors of an element change between light and dark. */
export function onSchemeChange(element: Element, changed: () => void): () => void {
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", changed);
  const root = rootOf(element);
  const observer = new MutationObserver(changed);
  if (root instanceof ShadowRoot) observer.observe(root.host, { attributeFilter: ["data-scheme"] });
  return () => {
    scheme.removeEventListener("change", changed);
    observer.disconnect();
  };
}

/** Put an element, with the attribute `popover`, in front of everything. There, `fixed` refers to the window. */
export function putInFront(element: HTMLElement | null): void {
  element?.showPopover?.();
}
