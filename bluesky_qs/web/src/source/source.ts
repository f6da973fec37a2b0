/** The interface to a service. It is the same for both connections: the HTTP door, and the kernel of a notebook. */

import type { ReadonlySignal } from "@preact/signals";
import type { components, operations } from "./api.gen";
import type { SCOPES } from "./scopes";

export type Schemas = components["schemas"];
export type Status = Schemas["Status"];
export type Item = Schemas["Item"];
export type RunningItem = Schemas["RunningItem"];
export type HistoryItem = Schemas["HistoryItem"];
export type Result = Schemas["Result"];
export type Document = Schemas["Document"];
export type ServiceEvent = Schemas["Events"]["events"][number];

/** The service's methods that the page uses. */
export type Method =
  | "console_get"
  | "device_read"
  | "devices_allowed"
  | "documents_get"
  | "estimates_get"
  | "environment_report"
  | "estimates_get"
  | "events_get"
  | "history_get"
  | "item_check"
  | "item_status"
  | "lock_info"
  | "plans_allowed"
  | "queue_get"
  | "queue_item_get"
  | "status";
type Query<M extends Method> = operations[M]["parameters"] extends { query?: infer Q } ? NonNullable<Q> : object;
/** A method's parameters. In the door's description, they are under `query`. */
export type Params<M extends Method> = [Query<M>] extends [never] ? Record<never, never> : Query<M>;
/** The reply to a method. */
export type Reply<M extends Method> = Exclude<
  operations[M]["responses"][200]["content"]["application/json"],
  Schemas["Refusal"]
>;

export interface StatusMessage {
  time: number;
  msg: { status: Status };
}
export interface ConsoleText {
  time: number;
  msg: string;
}
/** The methods that the page uses to change something. */
export type WritingMethod = keyof typeof SCOPES;
type Body<M extends WritingMethod> = NonNullable<operations[M]["requestBody"]>["content"]["application/json"];
/** The parameters of a change, without those that the source adds. */
export type Change<M extends WritingMethod> = Omit<Body<M>, "request_id" | "user" | "user_group" | "client_name">;
/** The reply to a change. */
export type Changed<M extends WritingMethod> = Exclude<
  operations[M]["responses"][200]["content"]["application/json"],
  Schemas["Refusal"]
>;

/** The page's user. */
export interface Person {
  /** The user name, as in items and events. */
  user: string;
  /** The user group, which determines the permissions. */
  group: string;
  roles: readonly string[];
  scopes: ReadonlySet<string>;
  /** Whether others use the same key. If so, only the name shows who did something. */
  sharesKey: boolean;
  /** The name of a user with a shared key; null until the user is asked, empty if the user gave no name. */
  name: string | null;
}

/** The types of published messages that have no number, by topic. */
export interface Topics {
  console: ConsoleText;
  documents: Document;
  status: StatusMessage;
}
export type Topic = keyof Topics;

/** Readings of watched devices: first all of them, then those that have changed. */
export interface Readings {
  time: number;
  devices: Readonly<Record<string, Schemas["DeviceReading"]>>;
  /** The reason why nothing can be read now; empty otherwise. */
  error: string;
}

/** Whether data arrives. `since` is the time of the last data, in seconds since 1970; null if there was none. */
export type Link =
  | { state: "connecting" }
  | { state: "live" }
  /** No data has arrived for 2 s. */
  | { state: "lost"; since: number | null }
  /** The door answers, but has had no data from the service for 2 s. */
  | { state: "silent"; since: number | null }
  /** The source has ended for good, as when a notebook's kernel ends. */
  | { state: "ended"; since: number | null };

export type Stop = () => void;

export interface Listener<T> {
  message: (message: T) => void;
  /** Called after each connection. Earlier messages may have been missed. */
  connected?: () => void;
}

export interface EventListener {
  event: (event: ServiceEvent) => void;
  /** Called if events were missed. The data that they are about must be read again. */
  gap: () => void;
}

/** The service refused a request. The message is a sentence for users. */
export class Refused extends Error {
  /** `code` is the class of the error, such as `Locked`. `reply` contains details, such as `errors`. */
  constructor(
    message: string,
    readonly code = "",
    readonly reply: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}
/** The user does not have permission for the request. Trying again does not help. */
export class Forbidden extends Refused {}

/** There was no answer, so the outcome is unknown. The request may be sent again with the same id. */
export class Unanswered extends Error {}

/** The services behind one door. */
export interface Door {
  /** The instrument that the page shows; empty for the first one. */
  readonly instrument: string;
  /** The names of all instruments. */
  names(): Promise<readonly string[]>;
  source(name: string): Source;
}

/** One service. Components get its data from the model, and do not use the source directly. */
export interface Source {
  readonly link: ReadonlySignal<Link>;
  /** The name under which the browser stores data about this service. */
  readonly place: string;
  /** The service's time in seconds since 1970. */
  now(): number;
  readonly person: ReadonlySignal<Person>;
  /** Set the name of a user with a shared key; empty for none. */
  introduce(name: string): void;
  /** Send a request that changes nothing. Throws `Refused`. */
  ask<M extends Method>(method: M, params: Params<M>): Promise<Reply<M>>;
  /** Parse a plan as the prompt does. The reply has the places of the values at `paths`. */
  parse(text: string, paths?: readonly (readonly (string | number)[])[]): Promise<Schemas["ParsedPlan"]>;
  /** Read and check a spreadsheet of plans, without adding them. */
  readSheet(data: Blob, name: string): Promise<Schemas["ParsedSheet"]>;
  /** Send a change. Throws `Refused` or `Unanswered`. The service carries out requests with the same id only once. */
  send<M extends WritingMethod>(method: M, params: Change<M>, id: string): Promise<Changed<M>>;
  /** Listen to all events after a number, without gaps or duplicates. */
  events(after: number, listener: EventListener): Stop;
  /** Listen to messages that are published from now on. */
  listen<T extends Topic>(topic: T, listener: Listener<Topics[T]>): Stop;
  /** Receive readings of these devices as they change. */
  watch(names: readonly string[], listener: Listener<Readings>): Stop;
  close(): void;
}
