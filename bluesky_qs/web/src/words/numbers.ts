/** Numbers for people. */

/** `5`, `0.123457`, `1.235e-7`: six significant digits, or four with an exponent. */
export function numberText(value: number): string {
  if (Number.isInteger(value)) return String(value);
  const magnitude = Math.abs(value);
  return magnitude < 1e-4 || magnitude >= 1e7 ? value.toExponential(3) : String(Number(value.toPrecision(6)));
}
