/** The sign-in: an API key or a session. The browser stores it, and the page renews a session before it expires. */

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Schemas } from "./source";

export type Providers = Schemas["ProvidersAnswer"];
export type Me = Schemas["ScopesAnswer"];

type Kept = { key: string } | { access: string; refresh: string; expires: number } | { cookie: true };

/** How many seconds before an access token expires the page renews it. */
const EARLY = 60;
/** The user name that the door reports for a shared key. */
const SHARED = "UNAUTHENTICATED_SINGLE_USER";
const ENDED = "The sign-in has expired or was revoked. Sign in again.";
/** Maximum length of a name that the door accepts. */
const LONGEST_NAME = 64;

/** The sign-in has ended or was refused. The message is meant for users. */
export class NotSignedIn extends Error {}
/** The door does not answer. */
export class Unreachable extends Error {}

export class SignIn {
  private readonly meSignal = signal<Me | null>(null);
  private readonly noticeSignal = signal("");
  private readonly nameSignal: Signal<string | null>;
  /** Whether several people share the key. */
  readonly sharesKey: ReadonlySignal<boolean> = computed(() => this.meSignal.value?.user === SHARED);
  private kept: Kept | null;
  private renewal: Promise<void> | null = null;

  /** `base` is the address of `/api`. */
  constructor(private readonly base: string) {
    this.kept = this.fromAddress() ?? this.stored();
    this.nameSignal = signal(localStorage.getItem(this.namePlace));
  }

  /** The user who is signed in; null without a sign-in. */
  get me(): ReadonlySignal<Me | null> {
    return this.meSignal;
  }

  /** Why the sign-in has ended; empty otherwise. */
  get notice(): ReadonlySignal<string> {
    return this.noticeSignal;
  }

  /** The name of a user with a shared key; null until the user is asked, empty if the user gave no name. */
  get name(): ReadonlySignal<string | null> {
    return this.nameSignal;
  }

  introduce(name: string): void {
    const printable = name.replace(/\p{C}/gu, "").trim().slice(0, LONGEST_NAME);
    localStorage.setItem(this.namePlace, printable);
    this.nameSignal.value = printable;
  }

  /** Sign in with the stored key or session, or with a cookie. Returns whether this succeeded. */
  async resume(): Promise<boolean> {
    const had = this.kept !== null;
    this.kept ??= { cookie: true };
    try {
      this.meSignal.value = await this.whoever();
      return true;
    } catch (error) {
      if (!(error instanceof NotSignedIn)) throw error;
      this.forget(had ? ENDED : "");
      return false;
    }
  }

  providers(): Promise<Providers> {
    return this.fetched("auth/providers") as Promise<Providers>;
  }

  async withKey(key: string, stay: boolean): Promise<void> {
    await this.begin({ key }, stay, "The key is wrong, has expired or was revoked.");
  }

  async withPassword(provider: string, username: string, password: string, stay: boolean): Promise<void> {
    const body = new URLSearchParams({ username, password });
    const answer = await this.fetched(`auth/provider/${encodeURIComponent(provider)}/token`, { method: "POST", body });
    await this.begin(session(answer), stay, "You may not use this service.");
  }

  /** The URL for signing in at an identity provider. The browser returns with a token in the URL's fragment. */
  externalAddress(provider: string): string {
    const next = encodeURIComponent(location.pathname);
    return `${this.base}/auth/provider/${encodeURIComponent(provider)}/authorize?next=${next}`;
  }

  async signOut(): Promise<void> {
    const kept = this.kept;
    const headers = await this.headers().catch(() => ({}));
    const session = this.kept ?? kept;
    const body = JSON.stringify(session && "refresh" in session ? { refresh_token: session.refresh } : {});
    this.forget("");
    localStorage.removeItem(this.namePlace);
    this.nameSignal.value = null;
    const options = { method: "POST", headers: { ...headers, ...csrf(), "Content-Type": "application/json" }, body };
    await fetch(`${this.base}/auth/logout`, options).catch(() => null);
  }

  /** The headers for a request. Throws `NotSignedIn` if the session cannot be renewed, or `Unreachable`. */
  async headers(): Promise<Record<string, string>> {
    await this.renewIfDue();
    const kept = this.kept;
    if (kept === null || "cookie" in kept) return {};
    return { Authorization: "key" in kept ? `ApiKey ${kept.key}` : `Bearer ${kept.access}` };
  }

  /** The headers for a change, which needs more than a cookie. */
  async headersToChange(): Promise<Record<string, string>> {
    const headers = await this.headers();
    return headers.Authorization ? headers : csrf();
  }

  /** The first message on a websocket; null if the browser has a cookie. */
  async firstMessage(): Promise<object | null> {
    await this.renewIfDue();
    const kept = this.kept;
    if (kept === null || "cookie" in kept) return null;
    return "key" in kept ? { type: "auth", api_key: kept.key } : { type: "auth", access_token: kept.access };
  }

  /** A request was refused, either because of the sign-in or because a scope is missing. */
  async check(): Promise<void> {
    const headers = await this.headers().catch(() => null);
    if (headers === null) return;
    const response = await fetch(`${this.base}/auth/scopes`, { headers }).catch(() => null);
    if (response?.status === 401) this.forget(ENDED);
  }

  /** The door has refused the credentials. */
  forget(notice: string): void {
    this.kept = null;
    for (const storage of [localStorage, sessionStorage]) storage.removeItem(this.place);
    this.meSignal.value = null;
    this.noticeSignal.value = notice;
  }

  private async begin(kept: Kept, stay: boolean, refusal: string): Promise<void> {
    this.kept = kept;
    try {
      this.meSignal.value = await this.whoever();
    } catch (error) {
      this.kept = null;
      throw error instanceof NotSignedIn ? new NotSignedIn(refusal) : error;
    }
    this.store(stay ? localStorage : sessionStorage);
    this.noticeSignal.value = "";
  }

  private async whoever(): Promise<Me> {
    return (await this.fetched("auth/scopes", { headers: await this.headers() })) as Me;
  }

  private renewIfDue(): Promise<void> {
    const kept = this.kept;
    if (kept === null || !("refresh" in kept) || Date.now() / 1000 < kept.expires - EARLY) return Promise.resolve();
    this.renewal ??= this.renew(kept.refresh).finally(() => {
      this.renewal = null;
    });
    return this.renewal;
  }

  private async renew(refresh: string): Promise<void> {
    try {
      const headers = { "Content-Type": "application/json" };
      const body = JSON.stringify({ refresh_token: refresh });
      this.kept = session(await this.fetched("auth/session/refresh", { method: "POST", headers, body }));
      this.store(localStorage.getItem(this.place) === null ? sessionStorage : localStorage);
    } catch (error) {
      if (error instanceof NotSignedIn) this.forget("Your session has ended. Please sign in again.");
      throw error;
    }
  }

  private async fetched(path: string, options: RequestInit = {}): Promise<unknown> {
    const response = await fetch(`${this.base}/${path}`, { cache: "no-store", ...options }).catch(() => {
      throw new Unreachable("The server does not answer. Check that it is running and that this is its address.");
    });
    const answer: unknown = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    const { detail } = answer as { detail?: string };
    const sentence = typeof detail === "string" ? detail : `The server answered with status ${response.status}.`;
    throw response.status === 401 ? new NotSignedIn(sentence) : new Unreachable(sentence);
  }

  private get place(): string {
    return `bluesky-qs:${this.base}`;
  }

  private store(storage: Storage): void {
    storage.setItem(this.place, JSON.stringify(this.kept));
  }

  private get namePlace(): string {
    return `${this.place}:name`;
  }

  private stored(): Kept | null {
    const text = sessionStorage.getItem(this.place) ?? localStorage.getItem(this.place);
    try {
      return text === null ? null : (JSON.parse(text) as Kept);
    } catch {
      return null; // stored by another program or damaged: the user must sign in again
    }
  }

  /** Take a key or a token out of the URL's fragment. */
  private fromAddress(): Kept | null {
    const given = new URLSearchParams(location.hash.replace(/^#/, ""));
    const key = given.get("api_key");
    const refresh = given.get("refresh_token");
    if (!key && !refresh) return null;
    history.replaceState(null, "", location.pathname + location.search);
    this.kept = key ? { key } : { access: "", refresh: refresh ?? "", expires: 0 };
    this.store(sessionStorage);
    return this.kept;
  }
}

function session(answer: unknown): Kept {
  const tokens = answer as { access_token: string; expires_in: number; refresh_token: string };
  return {
    access: tokens.access_token,
    refresh: tokens.refresh_token,
    expires: Date.now() / 1000 + tokens.expires_in,
  };
}

/** The header that a change needs if the browser is signed in with a cookie. */
function csrf(): Record<string, string> {
  const token = /(?:^|; )bluesky_httpserver_csrf=([^;]*)/.exec(document.cookie)?.[1];
  return token ? { "X-CSRF": token } : {};
}
