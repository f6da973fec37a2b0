/** A service behind the HTTP door: sends requests with `fetch`, and receives published data over websockets. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { CHANGES, PARSERS, READINGS, ROUTES, STREAMS } from "./routes";
import { NotSignedIn, type SignIn } from "./sign_in";
import {
  type Change,
  type Changed,
  type EventListener,
  Forbidden,
  type Link,
  type Listener,
  type Method,
  type Params,
  type Person,
  type Readings,
  Refused,
  type Reply,
  type Schemas,
  type ServiceEvent,
  type Source,
  type Stop,
  type Topic,
  type Topics,
  Unanswered,
  type WritingMethod,
} from "./source";
import { Stream } from "./stream";

/** Seconds without data until the page shows a warning. */
const SILENCE = 2;
/** Seconds without data until the page reconnects, because a connection can break without an error. */
const BROKEN = 4;
/** Milliseconds between checks. */
const LOOK = 200;
/** Timeouts in milliseconds, for reading and for changes. Changes can be sent again. */
const PATIENCE = 20_000;
const PATIENCE_TO_CHANGE = 10_000;
/** Timeout in milliseconds for uploading and checking a file. */
const PATIENCE_TO_UPLOAD = 60_000;
/** Status codes that the door, or a proxy in front of it, sends if the service does not answer. */
const UNANSWERED = [408, 502, 503, 504];
/** The methods whose requests contain no user. */
const NAMELESS: readonly WritingMethod[] = ["unlock"];

interface Beat {
  type: "heartbeat";
  time: number;
  age: number | null;
}
interface Gap {
  type: "gap";
  first: number;
}

export class HttpSource implements Source {
  private readonly linkSignal = signal<Link>({ state: "connecting" });
  private readonly streams = new Set<Stream>();
  private readonly look: ReturnType<typeof setInterval>;
  /** When the door and the service were last heard from, by this computer's clock. */
  private heard = Number.NEGATIVE_INFINITY;
  private serviceHeard = Number.NEGATIVE_INFINITY;
  private renewed = 0;
  private readonly opened = seconds();
  /** Whether the page receives events. Their heartbeats show that the door and the service respond. */
  private isFollowing = false;
  private isClosed = false;
  /** Seconds by which the service's clock is ahead of this computer's. */
  private ahead = 0;
  readonly person: ReadonlySignal<Person> = computed(() => {
    const { me, name } = this.signIn;
    const { user = "", user_group = "", roles = [], scopes = [] } = me.value ?? {};
    const sharesKey = this.signIn.sharesKey.value;
    const label = sharesKey ? name.value : null;
    const shown = label ? `${user} (${label})` : user;
    return { user: shown, group: user_group, roles, scopes: new Set(scopes), sharesKey, name: label };
  });

  /** `base` is the address of `/api`, including the name of the instrument if the door has several. */
  constructor(
    private readonly base: string,
    private readonly signIn: SignIn,
  ) {
    this.look = setInterval(() => this.judge(), LOOK);
    addEventListener("online", this.renew);
  }

  get link(): ReadonlySignal<Link> {
    return this.linkSignal;
  }

  get place(): string {
    return `bluesky-qs:${this.base}`;
  }

  now(): number {
    return seconds() + this.ahead;
  }

  introduce(name: string): void {
    this.signIn.introduce(name);
  }

  async ask<M extends Method>(method: M, params: Params<M>): Promise<Reply<M>> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(params)) {
      query.append(name, typeof value === "object" ? JSON.stringify(value) : String(value));
    }
    const address = `${this.address(ROUTES[method])}?${query}`;
    const headers = await this.signIn.headers();
    const response = await fetch(address, { headers, signal: AbortSignal.timeout(PATIENCE), cache: "no-store" });
    if (!this.isFollowing) this.noteAnswer(response.ok);
    const answer: unknown = await response.json().catch(() => ({}));
    if (response.status === 401) {
      void this.signIn.check();
      throw new Forbidden(sentence(answer));
    }
    if (!response.ok) throw new Refused(sentence(answer));
    return accepted(answer) as Reply<M>;
  }

  async send<M extends WritingMethod>(method: M, params: Change<M>, id: string): Promise<Changed<M>> {
    const { name } = this.person.value;
    const body = JSON.stringify(name && !NAMELESS.includes(method) ? { ...params, client_name: name } : params);
    const response = await this.posted(this.address(CHANGES[method]), body, {
      "Content-Type": "application/json",
      "Idempotency-Key": id,
    });
    return (await this.reply(response)) as Changed<M>;
  }

  async parse(text: string, paths: readonly (readonly (string | number)[])[] = []): Promise<Schemas["ParsedPlan"]> {
    const body = JSON.stringify(paths.length > 0 ? { text, paths } : { text });
    const response = await this.posted(this.address(PARSERS.plan), body, { "Content-Type": "application/json" });
    return (await this.read(response)) as Schemas["ParsedPlan"];
  }

  async readSheet(data: Blob, name: string): Promise<Schemas["ParsedSheet"]> {
    const form = new FormData();
    form.append("spreadsheet", data, name);
    const response = await this.posted(this.address(PARSERS.spreadsheet), form, {}, PATIENCE_TO_UPLOAD);
    return (await this.read(response)) as Schemas["ParsedSheet"];
  }

  private async posted(
    address: string,
    body: BodyInit,
    extra: Record<string, string>,
    patience = PATIENCE_TO_CHANGE,
  ): Promise<Response> {
    try {
      const headers = { ...(await this.signIn.headersToChange()), ...extra };
      const signal = AbortSignal.timeout(patience);
      return await fetch(address, { method: "POST", headers, body, signal, cache: "no-store" });
    } catch (error) {
      if (error instanceof NotSignedIn) throw new Forbidden(error.message);
      throw new Unanswered("The server does not answer.");
    }
  }

  /** The service's reply to a change. */
  private async reply(response: Response): Promise<unknown> {
    const reply = accepted(await this.answer(response));
    if (!response.ok) throw new Refused(sentence(reply));
    return reply;
  }

  /** The door's reply to text or a file. It includes the errors. */
  private async read(response: Response): Promise<unknown> {
    const answer = await this.answer(response);
    if (!response.ok) throw new Refused(sentence(answer));
    return answer;
  }

  private async answer(response: Response): Promise<unknown> {
    const answer: unknown = await response.json().catch(() => ({}));
    if (UNANSWERED.includes(response.status)) throw new Unanswered(sentence(answer));
    if (response.status === 401) {
      void this.signIn.check();
      throw new Forbidden(sentence(answer));
    }
    return answer;
  }

  private address(route: string): string {
    return this.base + route.slice("/api".length);
  }

  events(after: number, listener: EventListener): Stop {
    let last = after;
    this.isFollowing = true;
    return this.open({
      address: () => `${this.socketBase}/events/ws?after=${last}`,
      connected: () => {},
      message: (message) => {
        const event = message as ServiceEvent | Beat | Gap;
        this.noteData(event);
        if (event.type === "heartbeat") return;
        if (event.type === "gap") {
          last = event.first - 1;
          listener.gap();
        } else {
          last = event.seq;
          listener.event(event);
        }
      },
    });
  }

  listen<T extends Topic>(topic: T, listener: Listener<Topics[T]>): Stop {
    return this.follow(STREAMS[topic], listener);
  }

  watch(names: readonly string[], listener: Listener<Readings>): Stop {
    return this.follow(`${READINGS}?${new URLSearchParams({ names: names.join() })}`, listener);
  }

  private follow<T>(path: string, listener: Listener<T>): Stop {
    return this.open({
      address: () => `${this.socketBase}/${path}`,
      connected: () => listener.connected?.(),
      message: (message) => {
        const { type } = message as { type?: string };
        if (type === "dropped") listener.connected?.();
        else if (type !== "heartbeat") listener.message(message as T);
      },
    });
  }

  close(): void {
    this.isClosed = true;
    clearInterval(this.look);
    removeEventListener("online", this.renew);
    for (const stream of this.streams) stream.close();
    this.streams.clear();
  }

  private open(handlers: { address: () => string; connected: () => void; message: (message: unknown) => void }): Stop {
    if (this.isClosed) return () => {}; // the user signed out while the page was still loading
    const credentials = () => this.signIn.firstMessage();
    const stream = new Stream({ ...handlers, credentials, refused: () => void this.signIn.check() });
    this.streams.add(stream);
    return () => {
      this.streams.delete(stream);
      stream.close();
    };
  }

  private get socketBase(): string {
    return this.base.replace(/^http/, "ws");
  }

  private noteData(message: { type: string; time?: number; age?: number | null }): void {
    this.heard = seconds();
    if (message.type === "heartbeat") {
      this.ahead = (message.time ?? this.heard) - this.heard;
      if (typeof message.age === "number") this.serviceHeard = this.heard - message.age;
    } else {
      this.serviceHeard = this.heard;
    }
    this.judge();
  }

  /** Before the first event, replies show whether the door and the service respond. */
  private noteAnswer(isFromService: boolean): void {
    this.heard = seconds();
    if (isFromService) this.serviceHeard = this.heard;
    this.judge();
  }

  private judge(): void {
    const now = seconds();
    if (now - Math.max(this.heard, this.opened) > SILENCE) {
      if (now - Math.max(this.heard, this.renewed, this.opened) > BROKEN) this.renew();
      this.change("lost", this.heard);
    } else if (now - Math.max(this.serviceHeard, this.opened) > SILENCE) {
      this.change("silent", this.serviceHeard);
    } else if (this.heard > this.opened && this.serviceHeard > Number.NEGATIVE_INFINITY) {
      if (this.linkSignal.value.state !== "live") this.linkSignal.value = { state: "live" };
    }
  }

  private change(state: "lost" | "silent", heard: number): void {
    if (this.linkSignal.value.state === state) return;
    this.linkSignal.value = { state, since: Number.isFinite(heard) ? heard + this.ahead : null };
  }

  private readonly renew = (): void => {
    this.renewed = seconds();
    for (const stream of this.streams) stream.renew();
  };
}

function seconds(): number {
  return Date.now() / 1000;
}

/** Return the reply, or throw `Refused` if the service refused the request. */
function accepted(answer: unknown): unknown {
  const reply = answer as { success?: boolean; msg?: string; error?: string };
  if (reply.success !== false) return reply;
  throw new Refused(reply.msg || "The service refused the request.", reply.error, answer as Record<string, unknown>);
}

function sentence(answer: unknown): string {
  const { detail } = answer as { detail?: unknown };
  return typeof detail === "string" ? detail : "The server refused the request.";
}
