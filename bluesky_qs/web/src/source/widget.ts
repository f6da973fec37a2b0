/** A service that a notebook's kernel is connected to. Requests and published messages go through a channel to the
 * kernel. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { SCOPES } from "./scopes";
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

/** The connection to the kernel. */
export interface Channel {
  send(message: object): void;
  /** Called with each message from the kernel. */
  received: (message: KernelMessage) => void;
  close(): void;
}

/** A heartbeat. */
interface Life {
  /** The service's time. */
  time: number;
  /** Seconds since the kernel last heard from the service. */
  age: number;
  /** Whether the kernel does not answer requests, because it is running a cell. */
  held: boolean;
}
interface Hello extends Life {
  type: "hello";
  place: string;
  user: string;
  group: string;
  roles: string[];
  /** Null if no sign-in restricts the user. */
  scopes: string[] | null;
}
interface Answer {
  type: "reply";
  id: number;
  reply?: unknown;
  refused?: string;
  code?: string;
  forbidden?: string;
  unanswered?: string;
}
type News = ["event", ServiceEvent] | ["resumed", null] | [Topic, Topics[Topic]];
/** A message from the kernel. */
export type KernelMessage =
  | Hello
  | (Life & { type: "beat" })
  | Answer
  | { type: "news"; messages: News[] }
  /** The kernel has not heard from the view for a long time, and has ended this connection. */
  | { type: "dropped" }
  | { type: "ended" };

interface Waiting {
  settle: (answer: Answer) => void;
  fail: (error: Error) => void;
}

/** Seconds without data until the view shows a warning. */
const SILENCE = 2;
/** Seconds without a heartbeat from the kernel until the connection counts as lost. Code in the kernel can delay them. */
const LOST = 5;
/** Milliseconds between heartbeats to the kernel. */
const HERE = 10_000;
/** Milliseconds between checks, and between readings of watched devices. */
const LOOK = 200;
const PERIOD = 1000;
/** Milliseconds to wait for an answer. */
const PATIENCE = 20_000;
/** Maximum number of events in one reply. */
const PAGE = 500;
/** Seconds for which a device's reading is not repeated. */
const MAX_AGE = 0.9;

export class WidgetSource implements Source {
  private readonly linkSignal = signal<Link>({ state: "connecting" });
  private readonly greeting = signal<Hello | null>(null);
  private readonly heldSignal = signal(false);
  /** Whether the kernel has answered. Until then, the user is unknown. */
  readonly isReady: ReadonlySignal<boolean> = computed(() => this.greeting.value !== null);
  /** Whether the kernel is running a cell and therefore does not answer requests. */
  readonly held: ReadonlySignal<boolean> = this.heldSignal;
  readonly person: ReadonlySignal<Person> = computed(() => {
    const hello = this.greeting.value;
    const scopes = new Set(hello?.scopes ?? Object.values(SCOPES));
    const { user = "", group = "", roles = [] } = hello ?? {};
    return { user, group, roles, scopes, sharesKey: false, name: null };
  });

  /** Whether the kernel has ended this connection because the browser seemed to be gone. It can be made again. */
  wasDropped = false;
  private readonly waiting = new Map<number, Waiting>();
  private readonly listeners = new Map<Topic, Set<Listener<never>>>();
  private readonly followers = new Set<Follower>();
  private readonly timers: ReturnType<typeof setInterval>[];
  private requests = 0;
  /** When the kernel and the service were last heard from, by this computer's clock. */
  private heard = seconds();
  private serviceHeard = seconds();
  private ahead = 0;

  constructor(private readonly channel: Channel) {
    channel.received = (message) => this.take(message);
    this.timers = [setInterval(() => this.judge(), LOOK), setInterval(() => this.channel.send({ type: "here" }), HERE)];
  }

  get link(): ReadonlySignal<Link> {
    return this.linkSignal;
  }

  get place(): string {
    return `bluesky-qs:${this.greeting.value?.place ?? ""}`;
  }

  now(): number {
    return seconds() + this.ahead;
  }

  introduce(): void {}

  async ask<M extends Method>(method: M, params: Params<M>): Promise<Reply<M>> {
    return (await this.request(method, params)) as Reply<M>;
  }

  async send<M extends WritingMethod>(method: M, params: Change<M>, id: string): Promise<Changed<M>> {
    if (this.held.value) {
      throw new Refused("The kernel is running a cell. Interrupt the cell first, or wait until it has ended.");
    }
    return (await this.request(method, params, id)) as Changed<M>;
  }

  async parse(text: string, paths: readonly (readonly (string | number)[])[] = []): Promise<Schemas["ParsedPlan"]> {
    return (await this.request("plan_parse", { text, paths })) as Schemas["ParsedPlan"];
  }

  async readSheet(data: Blob, name: string): Promise<Schemas["ParsedSheet"]> {
    const bytes = new Uint8Array(await data.arrayBuffer());
    const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    return (await this.request("sheet_parse", { data: text, name })) as Schemas["ParsedSheet"];
  }

  events(after: number, listener: EventListener): Stop {
    const follower = new Follower(this, after, listener);
    this.followers.add(follower);
    follower.catchUp();
    return () => this.followers.delete(follower);
  }

  listen<T extends Topic>(topic: T, listener: Listener<Topics[T]>): Stop {
    const listeners = this.listeners.get(topic) ?? new Set();
    this.listeners.set(topic, listeners);
    if (listeners.size === 0 && this.greeting.value) this.channel.send({ type: "listen", topic });
    listeners.add(listener as Listener<never>);
    if (this.greeting.value) queueMicrotask(() => listeners.has(listener as Listener<never>) && listener.connected?.());
    return () => {
      listeners.delete(listener as Listener<never>);
      if (listeners.size === 0) this.channel.send({ type: "unlisten", topic });
    };
  }

  watch(names: readonly string[], listener: Listener<Readings>): Stop {
    let error: string | null = null;
    const read = async () => {
      try {
        const { devices } = await this.ask("device_read", { names: [...names], max_age: MAX_AGE });
        listener.message({ time: this.now(), devices: devices ?? {}, error: "" });
        error = "";
      } catch (refusal) {
        const reason = refusal instanceof Error ? refusal.message : String(refusal);
        if (reason !== error) listener.message({ time: this.now(), devices: {}, error: reason });
        error = reason;
      }
    };
    void read();
    const timer = setInterval(() => void read(), PERIOD);
    return () => clearInterval(timer);
  }

  /** The kernel, or the view in it, has ended. */
  end(): void {
    const { state } = this.linkSignal.value;
    if (state !== "ended") this.linkSignal.value = { state: "ended", since: this.heard + this.ahead };
    for (const { fail } of this.waiting.values()) fail(new Unanswered("The kernel has ended."));
    this.waiting.clear();
  }

  close(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.end();
    this.listeners.clear();
    this.followers.clear();
    this.channel.close();
  }

  private async request(method: string, params: object, id: string | null = null): Promise<unknown> {
    if (this.linkSignal.value.state === "ended") throw new Unanswered("The kernel has ended.");
    this.requests += 1;
    const number = this.requests;
    const answered = new Promise<Answer>((settle, fail) => this.waiting.set(number, { settle, fail }));
    const patience = setTimeout(
      () => this.waiting.get(number)?.fail(new Unanswered("The kernel does not answer.")),
      PATIENCE,
    );
    try {
      this.channel.send({ type: "request", id: number, method, params, request_id: id });
      return accepted(await answered);
    } finally {
      clearTimeout(patience);
      this.waiting.delete(number);
    }
  }

  private take(message: KernelMessage): void {
    this.heard = seconds();
    switch (message.type) {
      case "hello":
        this.begin(message);
        break;
      case "beat":
        this.live(message);
        break;
      case "reply":
        this.waiting.get(message.id)?.settle(message);
        break;
      case "news":
        this.serviceHeard = this.heard;
        for (const news of message.messages) this.publish(news);
        break;
      case "dropped":
        this.wasDropped = true;
        this.end();
        break;
      case "ended":
        this.end();
    }
    this.judge();
  }

  private begin(hello: Hello): void {
    this.greeting.value = hello;
    this.live(hello);
    for (const [topic, listeners] of this.listeners) {
      if (listeners.size > 0) this.channel.send({ type: "listen", topic });
    }
    this.resume();
  }

  private live({ time, age, held }: Life): void {
    this.ahead = time - seconds();
    this.serviceHeard = seconds() - age;
    this.heldSignal.value = held;
  }

  private publish([topic, payload]: News): void {
    if (topic === "resumed") {
      this.resume();
    } else if (topic === "event") {
      for (const follower of this.followers) follower.take(payload as ServiceEvent);
    } else {
      for (const listener of this.listeners.get(topic) ?? []) listener.message(payload as never);
    }
  }

  /** Messages may have been missed. */
  private resume(): void {
    for (const follower of this.followers) follower.catchUp();
    for (const listeners of this.listeners.values()) {
      for (const listener of listeners) listener.connected?.();
    }
  }

  private judge(): void {
    const { state } = this.linkSignal.value;
    if (state === "ended" || this.greeting.value === null) return;
    const now = seconds();
    if (now - this.heard > LOST) this.change("lost", this.heard);
    else if (now - this.serviceHeard > SILENCE) this.change("silent", this.serviceHeard);
    else if (state !== "live") {
      this.linkSignal.value = { state: "live" };
      if (state === "lost") this.resume();
    }
  }

  private change(state: "lost" | "silent", heard: number): void {
    if (this.linkSignal.value.state !== state) this.linkSignal.value = { state, since: heard + this.ahead };
  }
}

/** Passes on events in order, and requests those that were missed. */
class Follower {
  private isReading = false;
  /** Whether something has happened since the last request. */
  private isBehind = false;

  constructor(
    private readonly source: WidgetSource,
    private last: number,
    private readonly listener: EventListener,
  ) {}

  take(event: ServiceEvent): void {
    if (event.seq === this.last + 1 && !this.isReading) this.pass(event);
    else this.catchUp();
  }

  catchUp(): void {
    this.isBehind = true;
    if (!this.isReading) void this.read();
  }

  private async read(): Promise<void> {
    this.isReading = true;
    try {
      while (this.isBehind) {
        this.isBehind = false;
        const page = await this.source.ask("events_get", { since: this.last, limit: PAGE });
        if (page.last < this.last || page.first > this.last + 1) {
          this.last = page.last; // the numbers start again, or events are missing
          this.listener.gap();
          continue;
        }
        for (const event of page.events) if (event.seq > this.last) this.pass(event);
        this.isBehind ||= page.last > this.last;
      }
    } catch {
      this.isBehind = false; // the service does not answer; the next message shows that it does again
    } finally {
      this.isReading = false;
    }
  }

  private pass(event: ServiceEvent): void {
    this.last = event.seq;
    this.listener.event(event);
  }
}

function accepted({ reply, refused, code, forbidden, unanswered }: Answer): unknown {
  if (unanswered !== undefined) throw new Unanswered(unanswered);
  if (forbidden !== undefined) throw new Forbidden(forbidden);
  if (refused !== undefined) throw new Refused(refused, code, (reply ?? {}) as Record<string, unknown>);
  return reply;
}

function seconds(): number {
  return Date.now() / 1000;
}
