/** Turns docstrings into plain text without markup. */

/** The text without markup: `:func:`x`` and `` ``x`` `` become x. Code keeps its line breaks. */
export function plainText(text: string | undefined): string {
  return (text ?? "")
    .replace(/^[ \t]*\.\. [\w-]+::.*\n?/gm, "")
    .replace(/:[\w:]+:`~?([^`<]+?)(?:\s*<[^>]*>)?`/g, "$1")
    .replace(/``?([^`]+)``?/g, "$1")
    .replace(/\n[ \t]*\n(?:[ \t]*\n)+/g, "\n\n")
    .trim();
}

/** The first sentence, cut if it is too long; and the whole text, if there is more of it. */
export function summaryOf(text: string | undefined, longest = 100): { first: string; rest: string } {
  const all = plainText(text);
  const paragraph = (all.split(/\n\s*\n/)[0] ?? "").replace(/\s+/g, " ");
  const sentence = /^.*?[.:](?=\s|$)/.exec(paragraph)?.[0] ?? paragraph;
  const first = sentence.length > longest ? `${sentence.slice(0, longest - 1).replace(/\s+\S*$/, "")} …` : sentence;
  return { first, rest: first === all ? "" : all };
}
