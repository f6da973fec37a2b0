import { beforeEach, expect, test, vi } from "vitest";
import { SignIn } from "./sign_in";

const ME = { roles: ["user"], scopes: ["read:status"], user: "ada", user_group: "primary" };
let asked: string[];
let answers: Record<string, [number, object]>;

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
  history.replaceState(null, "", "/");
  asked = [];
  answers = { "auth/scopes": [200, ME] };
  vi.stubGlobal("fetch", async (address: string, options: RequestInit = {}) => {
    const path = address.replace("http://door/api/", "");
    const { Authorization = "" } = (options.headers ?? {}) as Record<string, string>;
    asked.push(`${path} ${Authorization}`.trim());
    const [status, body] = answers[path] ?? [404, {}];
    return new Response(JSON.stringify(body), { status });
  });
});

function tokens(access: string, expires_in: number) {
  return { access_token: access, refresh_token: `refresh-${access}`, expires_in };
}

test("a key in the fragment signs in, and leaves the address at once", async () => {
  history.replaceState(null, "", "/#api_key=secret");
  const signIn = new SignIn("http://door/api");
  expect(location.hash).toBe("");
  expect(await signIn.resume()).toBe(true);
  expect(asked).toEqual(["auth/scopes ApiKey secret"]);
  expect(localStorage.length).toBe(0);
});

test("a session is renewed before it expires, once for all who wait for it", async () => {
  answers["auth/provider/site/token"] = [200, tokens("first", 900)];
  const signIn = new SignIn("http://door/api");
  await signIn.withPassword("site", "ada", "pw", true);
  expect(await signIn.headers()).toEqual({ Authorization: "Bearer first" });
  vi.setSystemTime(Date.now() + 880_000);
  answers["auth/session/refresh"] = [200, tokens("second", 900)];
  const both = await Promise.all([signIn.headers(), signIn.firstMessage()]);
  expect(both).toEqual([{ Authorization: "Bearer second" }, { type: "auth", access_token: "second" }]);
  expect(asked.filter((path) => path.startsWith("auth/session"))).toHaveLength(1);
  expect(await new SignIn("http://door/api").headers()).toEqual({ Authorization: "Bearer second" });
  vi.useRealTimers();
});

test("a session that cannot be renewed ends with a sentence", async () => {
  answers["auth/provider/site/token"] = [200, tokens("first", 1)];
  answers["auth/session/refresh"] = [401, { detail: "Session has expired. Please re-authenticate." }];
  const signIn = new SignIn("http://door/api");
  await expect(signIn.withPassword("site", "ada", "pw", false)).rejects.toThrow();
  expect(signIn.me.value).toBe(null);
  expect(signIn.notice.value).toBe("Your session has ended. Please sign in again.");
  expect(sessionStorage.length).toBe(0);
});

test("signing out names the session to the door and forgets it", async () => {
  answers["auth/provider/site/token"] = [200, tokens("first", 900)];
  const signIn = new SignIn("http://door/api");
  await signIn.withPassword("site", "ada", "pw", true);
  const sent = vi.spyOn(globalThis, "fetch");
  await signIn.signOut();
  const [address, options] = sent.mock.calls.at(-1) ?? [];
  expect(address).toBe("http://door/api/auth/logout");
  expect(options?.body).toBe('{"refresh_token":"refresh-first"}');
  expect(signIn.me.value).toBe(null);
  expect(localStorage.length).toBe(0);
});

test("a wrong key is refused and not kept", async () => {
  answers["auth/scopes"] = [401, { detail: "Invalid API key" }];
  const signIn = new SignIn("http://door/api");
  await expect(signIn.withKey("wrong", true)).rejects.toThrow("The key is wrong");
  expect(localStorage.length + sessionStorage.length).toBe(0);
});

test("whoever comes back from an identity provider has a token in the fragment", async () => {
  history.replaceState(null, "", "/#refresh_token=from-the-provider");
  answers["auth/session/refresh"] = [200, tokens("first", 900)];
  const signIn = new SignIn("http://door/api");
  expect(location.hash).toBe("");
  expect(await signIn.resume()).toBe(true);
  expect(asked).toEqual(["auth/session/refresh", "auth/scopes Bearer first"]);
});
