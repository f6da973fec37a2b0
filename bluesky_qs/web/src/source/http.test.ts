import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { HttpSource } from "./http";
import { CHANGES, ROUTES } from "./routes";
import { SCOPES } from "./scopes";
import { SignIn } from "./sign_in";
import { Forbidden, Refused, Unanswered } from "./source";

const SHARED = { roles: [], scopes: ["write:queue:edit"], user: "UNAUTHENTICATED_SINGLE_USER", user_group: "primary" };
let source: HttpSource;
let signIn: SignIn;
let requests: { address: string; options: RequestInit }[];
let answer: () => Response;

beforeEach(async () => {
  localStorage.clear();
  sessionStorage.clear();
  // biome-ignore lint/suspicious/noDocumentCookie: happy-dom has no other way
  document.cookie = "bluesky_httpserver_csrf=token";
  history.replaceState(null, "", "/");
  requests = [];
  answer = () => new Response('{"success": true, "msg": ""}');
  vi.stubGlobal("fetch", async (address: string, options: RequestInit = {}) => {
    if (address.endsWith("auth/scopes")) return new Response(JSON.stringify(SHARED));
    requests.push({ address, options });
    return answer();
  });
  signIn = new SignIn("http://door/api");
  await signIn.resume();
  source = new HttpSource("http://door/api", signIn);
});

afterEach(() => source.close());

test("a change is a POST with its id, the name of the person, and the token that a cookie needs", async () => {
  expect(source.person.value.name).toBe(null);
  source.introduce("  Grace\u0007 ");
  expect(source.person.value).toMatchObject({ user: "UNAUTHENTICATED_SINGLE_USER (Grace)", name: "Grace" });
  await source.send("queue_item_remove", { uid: "a" }, "id");
  const [{ address, options }] = requests as [(typeof requests)[number]];
  expect([address, options.method]).toEqual(["http://door/api/queue/item/remove", "POST"]);
  expect(JSON.parse(String(options.body))).toEqual({ uid: "a", client_name: "Grace" });
  expect(options.headers).toMatchObject({ "Idempotency-Key": "id", "X-CSRF": "token" });
  await source.send("unlock", { lock_key: "k" }, "other");
  expect(JSON.parse(String(requests[1]?.options.body))).toEqual({ lock_key: "k" });
});

test("the name is kept in the browser until somebody signs out", async () => {
  source.introduce("Grace");
  const again = new SignIn("http://door/api");
  expect(again.name.value).toBe("Grace");
  await again.signOut();
  expect(new SignIn("http://door/api").name.value).toBe(null);
});

test("a refusal has its sentence, its code and the rest of the reply", async () => {
  answer = () =>
    new Response('{"success": false, "msg": "changed", "error": "ItemChanged", "item": 5}', { status: 409 });
  const error = await source.send("queue_item_update", { item: {} }, "id").catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Refused);
  expect(error).toMatchObject({ message: "changed", code: "ItemChanged", reply: { item: 5 } });
});

test.each([408, 502, 503, 504])("with status %i, nobody knows whether it was done", async (status) => {
  answer = () => new Response('{"detail": "no answer"}', { status });
  await expect(source.send("queue_start", {}, "id")).rejects.toThrow(Unanswered);
});

test("a connection that breaks is no answer, and a missing scope is a refusal", async () => {
  answer = () => {
    throw new TypeError("network error");
  };
  await expect(source.send("queue_start", {}, "id")).rejects.toThrow(Unanswered);
  answer = () => new Response('{"detail": "Not enough permissions."}', { status: 401 });
  await expect(source.send("queue_start", {}, "id")).rejects.toThrow(Forbidden);
  answer = () => new Response('{"detail": "Unknown parameter"}', { status: 400 });
  await expect(source.send("queue_start", {}, "id")).rejects.toThrow("Unknown parameter");
});

test("paths and scopes are those of the door", () => {
  const door = JSON.parse(readFileSync("../../docs/reference/openapi.json", "utf8"));
  for (const [method, path] of Object.entries(CHANGES)) {
    const operation = door.paths[path].post;
    expect([operation.operationId, operation["x-scope"]]).toEqual([method, SCOPES[method as keyof typeof SCOPES]]);
  }
  for (const [method, path] of Object.entries(ROUTES)) expect(door.paths[path].get.operationId).toBe(method);
});

test("a source that was closed opens no more streams", async () => {
  const opened = vi.fn();
  vi.stubGlobal("WebSocket", opened);
  source.close();
  source.events(0, { event: () => {}, gap: () => {} });
  source.listen("status", { message: () => {} });
  await new Promise((resolve) => setTimeout(resolve)); // the credentials come first
  expect(opened).not.toHaveBeenCalled();
});
