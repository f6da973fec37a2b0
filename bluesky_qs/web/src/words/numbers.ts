/** Numbers for people. */

/** Whole numbers below this have all their digits. */
const ALL_DIGITS = 1e15;
/** Other numbers have an exponent below the first of these values, and from the second one, where 6 digits end. */
const [SMALL, LARGE] = [1e-4, 999_999.5];

/** `5`, `0.123457`, `1.235e-07`, as in `%qs read`: whole numbers, six digits, or four with an exponent. */
export function numberText(value: number): string {
  const magnitude = Math.abs(value);
  if (Number.isInteger(value) && magnitude < ALL_DIGITS) return String(value);
  if (magnitude >= SMALL && magnitude < LARGE) return String(Number(value.toPrecision(6)));
  return value.toExponential(3).replace(/e([+-])(\d)$/, "e$10$2");
}
