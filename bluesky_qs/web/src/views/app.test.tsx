import { render } from "preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SignIn } from "../source/sign_in";
import { App } from "./app";

const ADMIN = { roles: ["admin"], scopes: ["read:status", "user:apikeys"], user: "root", user_group: "primary" };
let asked: string[];
let root: HTMLElement;

beforeEach(() => {
  sessionStorage.clear();
  history.replaceState(null, "", "/#api_key=secret");
  asked = [];
  vi.stubGlobal("fetch", async (address: string) => {
    asked.push(address.replace("http://door/api/", ""));
    return new Response(JSON.stringify(address.endsWith("scopes") ? ADMIN : {}), { status: 200 });
  });
  root = document.createElement("div");
  document.body.append(root);
});

afterEach(() => {
  render(null, root);
  root.remove();
});

test("whoever may not see the queue reads why, and nothing is asked of the service", async () => {
  const newSource = vi.fn();
  render(<App signIn={new SignIn("http://door/api")} newSource={newSource} />, root);
  const sentence =
    "Your sign-in (role admin) does not let you see the queue, because it lacks read:monitor and read:queue. " +
    "Ask the server's administrator for a role that may see it, such as observer.";
  await vi.waitFor(() => expect(root.querySelector("main")?.textContent).toBe(sentence));
  expect(newSource).not.toHaveBeenCalled();
  expect(asked).toEqual(["auth/scopes"]);
  expect(root.textContent).not.toContain("No measurement");
  root.querySelector("button")?.click();
  await vi.waitFor(() => expect(root.querySelector("h1")?.textContent).toBe("Sign in"));
});
