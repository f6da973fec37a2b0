/** Numbers as people read them. */

/** Whole numbers below this limit are shown with all their digits. */
const ALL_DIGITS = 1e15;
/** Other numbers have an exponent if they are below the first of these values, or too large for 6 digits. */
const [SMALL, LARGE] = [1e-4, 999_999.5];

/** `5`, `0.123457`, `1.235e-07`, as in `%qs read`: whole numbers, six digits, or four with an exponent. */
export function numberText(value: number): string {
  const magnitude = Math.abs(value);
  if (Number.isInteger(value) && magnitude < ALL_DIGITS) return String(value);
  if (magnitude >= SMALL && magnitude < LARGE) return String(Number(value.toPrecision(6)));
  return value.toExponential(3).replace(/e([+-])(\d)$/, "e$10$2");
}
