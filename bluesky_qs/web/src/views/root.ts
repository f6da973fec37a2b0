/** The tree that contains a view: the document, or the shadow tree of a notebook's output. */

type Root = Document | ShadowRoot;

/** An element's tree. */
export function rootOf(element: Element | null): Root {
  const root = element?.getRootNode();
  return root instanceof ShadowRoot ? root : document;
}

/** The element in a tree that has the focus; null if the focus is elsewhere. */
export function focused(root: Root): Element | null {
  return root.activeElement === document.body ? null : root.activeElement;
}

/** Whether nothing in the window has the focus, so that a view can take it. */
export function isFocusFree(root: Root): boolean {
  const active = document.activeElement;
  return focused(root) === null && (active === null || active === document.body);
}

/** Call a function whenever an element's colors change between light and dark. */
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

/** Put an element that has the attribute `popover` in front of everything. Its `fixed` position refers to the window. */
export function putInFront(element: HTMLElement | null): void {
  element?.showPopover?.();
}
