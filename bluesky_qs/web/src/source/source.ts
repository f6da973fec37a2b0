/** What the page knows of a service, whichever way it comes: from the HTTP door, or from the kernel of a notebook. */

import type { ReadonlySignal } from "@preact/signals";
import type { components, operations } from "./api.gen";

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
  | "devices_allowed"
  | "documents_get"
  | "events_get"
  | "history_get"
  | "item_check"
  | "item_status"
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
/** What is published without numbers, by its topic. */
export interface Topics {
  console: ConsoleText;
  documents: Document;
  status: StatusMessage;
}
export type Topic = keyof Topics;

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
export class Refused extends Error {}
/** Whoever is signed in may not ask that; asking again is of no use. */
export class Forbidden extends Refused {}

/** One service. Components get what it says from the model, and know no source. */
export interface Source {
  readonly link: ReadonlySignal<Link>;
  /** The time of the service in seconds since 1970. */
  now(): number;
  /** The user group whose permissions apply. */
  group(): string;
  /** Send a request; raises `Refused`. */
  ask<M extends Method>(method: M, params: Params<M>): Promise<Reply<M>>;
  /** All events after a number, without gaps and doubles. */
  events(after: number, listener: EventListener): Stop;
  /** What is published from now on. */
  listen<T extends Topic>(topic: T, listener: Listener<Topics[T]>): Stop;
  close(): void;
}
