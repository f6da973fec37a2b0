/** Adapts the page's style sheets to a part of another page: the shadow tree of a notebook's output. */

const RULES: readonly [RegExp, string][] = [
  // The notebook decides between light and dark.
  [/@media \(prefers-color-scheme: dark\) \{\s*:root \{([^}]*)\}\s*\}/g, ':host([data-scheme="dark"]) {$1}'],
  [/:root/g, ":host"],
  [/^html \{[^}]*\}$/gm, ""],
  [/^body \{/gm, ".page {"],
  // The width of the output counts, not that of the window.
  [/@media \((min|max)-width/g, "@container ($1-width"],
  [/\b(\d*\.?\d+)vw\b/g, "$1cqw"],
];

export function inShadow(css: string): string {
  return RULES.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), css);
}
