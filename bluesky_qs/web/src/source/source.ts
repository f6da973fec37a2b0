/** What the page knows of a service, whichever way it comes: from the HTTP door, or from the kernel of a notebook. */

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

/** The methods of the service that the page uses. */
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
/** The parameters of a method. `query` holds them in the description of the door. */
export type Params<M extends Method> = [Query<M>] extends [never] ? Record<never, never> : Query<M>;
/** The reply of a method. */
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
/** The methods of the page that change something. */
export type WritingMethod = keyof typeof SCOPES;
type Body<M extends WritingMethod> = NonNullable<operations[M]["requestBody"]>["content"]["application/json"];
/** The parameters of a method that changes something, without those that the source adds. */
export type Change<M extends WritingMethod> = Omit<Body<M>, "request_id" | "user" | "user_group" | "client_name">;
/** The reply of a method that changes something. */
export type Changed<M extends WritingMethod> = Exclude<
  operations[M]["responses"][200]["content"]["application/json"],
  Schemas["Refusal"]
>;

/** Who uses the page. */
export interface Person {
  /** As items and events name them. */
  user: string;
  /** The user group whose permissions apply. */
  group: string;
  roles: readonly string[];
  scopes: ReadonlySet<string>;
  /** Whether others use the same key, so that only a name says who did what. */
  sharesKey: boolean;
  /** The name beside a shared key; null until somebody has said it, empty if they want none. */
  name: string | null;
}

/** What is published without numbers, by its topic. */
export interface Topics {
  console: ConsoleText;
  documents: Document;
  status: StatusMessage;
}
export type Topic = keyof Topics;

/** Readings of watched devices: all at first, then those that have changed. */
export interface Readings {
  time: number;
  devices: Readonly<Record<string, Schemas["DeviceReading"]>>;
  /** The reason why nothing can be read now; empty otherwise. */
  error: string;
}

/** Whether data comes. `since` is the time of the last data, in seconds since 1970; null if there has been none. */
export type Link =
  | { state: "connecting" }
  | { state: "live" }
  /** Nothing has come for 2 s. */
  | { state: "lost"; since: number | null }
  /** The door is there, but has not heard of the service for 2 s. */
  | { state: "silent"; since: number | null };

export type Stop = () => void;

export interface Listener<T> {
  message: (message: T) => void;
  /** Connected, for the first time or again: what came before may have been missed. */
  connected?: () => void;
}

export interface EventListener {
  event: (event: ServiceEvent) => void;
  /** Events are missing: what they changed must be read again. */
  gap: () => void;
}

/** The service does not do what was asked; the message is a sentence for people. */
export class Refused extends Error {
  /** `code` is the class of the error, such as `Locked`; `reply` has what else the service says, such as `errors`. */
  constructor(
    message: string,
    readonly code = "",
    readonly reply: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}
/** Whoever is signed in may not ask that; asking again is of no use. */
export class Forbidden extends Refused {}

/** No answer has come: nobody knows whether it was done. The same request may be sent again with the same id. */
export class Unanswered extends Error {}

/** The services behind one door. */
export interface Door {
  /** The instrument that the page shows; empty for the first one. */
  readonly instrument: string;
  /** The names of all instruments. */
  names(): Promise<readonly string[]>;
  source(name: string): Source;
}

/** One service. Components get what it says from the model, and know no source. */
export interface Source {
  readonly link: ReadonlySignal<Link>;
  /** A name for what the browser keeps about this service. */
  readonly place: string;
  /** The time of the service in seconds since 1970. */
  now(): number;
  readonly person: ReadonlySignal<Person>;
  /** Say who uses a shared key. An empty name says that they want none. */
  introduce(name: string): void;
  /** Ask for something that changes nothing; raises `Refused`. */
  ask<M extends Method>(method: M, params: Params<M>): Promise<Reply<M>>;
  /** Read a plan as the prompt does. `paths` lead to values of which the places in the text are wanted. */
  parse(text: string, paths?: readonly (readonly (string | number)[])[]): Promise<Schemas["ParsedPlan"]>;
  /** Read and check a spreadsheet of plans; nothing is added. */
  readSheet(data: Blob, name: string): Promise<Schemas["ParsedSheet"]>;
  /** Change something; raises `Refused`, or `Unanswered`. Requests with the same id are carried out once. */
  send<M extends WritingMethod>(method: M, params: Change<M>, id: string): Promise<Changed<M>>;
  /** All events after a number, without gaps and doubles. */
  events(after: number, listener: EventListener): Stop;
  /** What is published from now on. */
  listen<T extends Topic>(topic: T, listener: Listener<Topics[T]>): Stop;
  /** Readings of these devices, as they change. */
  watch(names: readonly string[], listener: Listener<Readings>): Stop;
  close(): void;
}
