/** A service for tests of the model. The test sets the answers and publishes the messages. */

import { signal } from "@preact/signals";
import { SCOPES } from "../source/scopes";
import type {
  Change,
  Changed,
  EventListener,
  Item,
  Link,
  Listener,
  Method,
  Params,
  Person,
  Readings,
  Reply,
  Schemas,
  ServiceEvent,
  Source,
  Stop,
  Topic,
  Topics,
  WritingMethod,
} from "../source/source";

type Parsed = Schemas["ParsedPlan"];
type Answer = (params: Record<string, unknown>) => unknown;

export class FakeSource implements Source {
  readonly link = signal<Link>({ state: "live" });
  readonly asked: Method[] = [];
  /** The requested changes, with the id of each request. */
  readonly sent: { method: WritingMethod; params: object; id: string }[] = [];
  /** Returns the answer to a change, or throws an error; without it, every change succeeds. */
  readonly changes: Partial<Record<WritingMethod, Answer>> = {};
  readonly person = signal<Person>({
    user: "ada",
    group: "primary",
    roles: ["expert"],
    scopes: new Set(Object.values(SCOPES)),
    sharesKey: false,
    name: null,
  });
  readonly answers: Partial<Record<Method, Answer>> = {};
  queue: Item[] = [];
  /** Returns the parsed form of a text. */
  parsed: (text: string, paths: readonly (readonly (string | number)[])[]) => Parsed | Promise<Parsed> = () => {
    throw new Error("no plan is read");
  };
  readSheet: (data: Blob, name: string) => Promise<Schemas["ParsedSheet"]> = async () => {
    throw new Error("no spreadsheet is read");
  };
  readonly place = "fake";
  /** The devices that are watched; null if none are. */
  watched: readonly string[] | null = null;
  private watcher: Listener<Readings> | null = null;
  private seq = 0;
  private listener: EventListener | null = null;
  private readonly topics = new Map<Topic, Listener<never>>();

  constructor() {
    this.answers.events_get = () => ({ events: [], last: this.seq, first: 1 });
    this.answers.queue_get = () => ({ items: [...this.queue], running_item: {}, plan_queue_uid: "" });
    this.answers.queue_item_get = ({ uid }) => {
      const item = this.queue.find((each) => each.item_uid === uid);
      if (!item) throw new Error("not in the queue");
      return { item };
    };
    this.answers.item_status = ({ item_uid }) => {
      const state = (uid: string) => {
        const position = this.queue.findIndex((item) => item.item_uid === uid);
        return position < 0 ? { state: "not_found", times: {} } : { state: "queued", position, times: {} };
      };
      if (typeof item_uid === "string") return { status: state(item_uid) };
      return { status: Object.fromEntries((item_uid as string[]).map((uid) => [uid, state(uid)])) };
    };
  }

  now(): number {
    return 1000;
  }

  introduce(name: string): void {
    this.person.value = { ...this.person.value, name };
  }

  async ask<M extends Method>(method: M, params: Params<M>): Promise<Reply<M>> {
    this.asked.push(method);
    const answer = this.answers[method];
    if (!answer) throw new Error(`no answer to ${method}`);
    return answer(params as Record<string, unknown>) as Reply<M>;
  }

  async parse(text: string, paths: readonly (readonly (string | number)[])[] = []): Promise<Parsed> {
    return this.parsed(text, paths);
  }

  async send<M extends WritingMethod>(method: M, params: Change<M>, id: string): Promise<Changed<M>> {
    this.sent.push({ method, params, id });
    return (this.changes[method]?.(params as Record<string, unknown>) ?? { success: true }) as Changed<M>;
  }

  events(_after: number, listener: EventListener): Stop {
    this.listener = listener;
    return () => {};
  }

  listen<T extends Topic>(topic: T, listener: Listener<Topics[T]>): Stop {
    this.topics.set(topic, listener as Listener<never>);
    return () => this.topics.delete(topic);
  }

  watch(names: readonly string[], listener: Listener<Readings>): Stop {
    this.watched = names;
    this.watcher = listener;
    return () => {
      this.watched = null;
    };
  }

  close(): void {}

  /** Publish readings of watched devices. */
  read(devices: Readings["devices"], error = ""): void {
    if (this.watched) this.watcher?.message({ time: 1000, devices, error });
  }

  /** Publish an event from the service. */
  happened(event: Partial<ServiceEvent> & { type: ServiceEvent["type"] }): void {
    this.seq += 1;
    this.listener?.event({ seq: this.seq, time: 1000, ...event } as ServiceEvent);
  }

  gap(): void {
    this.listener?.gap();
  }

  published<T extends Topic>(topic: T, message: Topics[T]): void {
    (this.topics.get(topic) as Listener<Topics[T]> | undefined)?.message(message);
  }

  connected(topic: Topic): void {
    this.topics.get(topic)?.connected?.();
  }
}

/** A plan in the queue. */
export function plan(uid: string, more: Partial<Item> = {}): Item {
  return { item_type: "plan", name: "count", item_uid: uid, user: "ada", user_group: "primary", ...more };
}
