/** Checks whether a user may see the page. */

/** The scopes that the page requires. */
const NEEDED = ["read:status", "read:monitor", "read:queue"];

/** Why the user may not see the queue; empty if the user may see it. */
export function refusal({ roles, scopes }: { roles: string[]; scopes: string[] }): string {
  const missing = NEEDED.filter((scope) => !scopes.includes(scope));
  if (missing.length === 0) return "";
  const who = roles.length > 0 ? `Your sign-in (role ${roles.join(", ")})` : "Your sign-in";
  const advice = "Ask the server's administrator for a role that may see it, such as observer.";
  return `${who} does not let you see the queue, because it lacks ${missing.join(" and ")}. ${advice}`;
}
