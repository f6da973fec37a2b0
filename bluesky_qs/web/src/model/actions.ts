/** Changes something at the service, for whoever uses the page, and says so if that is refused. */

import { type ReadonlySignal, signal } from "@preact/signals";
import { SCOPES, type WritingScope } from "../source/scopes";
import {
  type Change,
  type Changed,
  type Person,
  Refused,
  type Source,
  type Status,
  Unanswered,
  type WritingMethod,
} from "../source/source";
import { isLocked, refusalSentence, unansweredSentence } from "../words/refusals";
import type { Clock } from "../words/status";
import type { Dialogs } from "./dialogs";
import type { Notices } from "./notices";

/** Milliseconds between two attempts if no answer comes, and after which there are no more. */
const RETRY = 500;
const LATEST = 10_000;

/** Ask for the lock without checking a key. The door wants a parameter. */
export const LOCK_ONLY = { lock_key: null };

export interface RunOptions {
  /** Takes a refusal that is shown elsewhere, such as in a form; then there is no notice. */
  refused?: (refusal: Refused) => void;
  /** Says a refusal in better words than the service, unless a lock or the state of the service is the reason. */
  words?: (refusal: Refused) => string;
}

/** What actions need of the model. */
export interface Surroundings {
  readonly source: Source;
  readonly status: ReadonlySignal<Status | null>;
  readonly clock: ReadonlySignal<Clock>;
  readonly notices: Notices;
  readonly dialogs: Dialogs;
}

export class Actions {
  /** The key that goes along with every change, so that a lock of this person does not refuse it. */
  readonly lockKey = signal<string | null>(null);
  private readonly busySignal = signal<ReadonlyMap<WritingMethod, number>>(new Map());

  constructor(private readonly around: Surroundings) {}

  get person(): ReadonlySignal<Person> {
    return this.around.source.person;
  }

  /** Change the name that is shown beside a shared key. */
  introduce(name: string): void {
    this.around.source.introduce(name);
  }

  /** Whether the sign-in has a scope. Controls outside of the scopes are absent. */
  may(scope: WritingScope): boolean {
    return this.person.value.scopes.has(scope);
  }

  /** Whether an answer to one of these is awaited. */
  isBusy(...methods: WritingMethod[]): boolean {
    return methods.some((method) => this.busySignal.value.has(method));
  }

  /** Change something. Returns the reply, or null if it was refused or not answered, which a notice says.
   *
   * Without an answer, the request is sent again with the same id, so that nothing is done twice.
   */
  async run<M extends WritingMethod>(
    method: M,
    params: Change<M>,
    options: RunOptions = {},
  ): Promise<Changed<M> | null> {
    if (!(await this.isNamed())) return null;
    return this.sent(method, params, newId(), options);
  }

  private async sent<M extends WritingMethod>(
    method: M,
    params: Change<M>,
    id: string,
    options: RunOptions,
  ): Promise<Changed<M> | null> {
    this.count(method, 1);
    try {
      return await this.insisting(method, this.withKey(method, params), id);
    } catch (error) {
      await this.explain(method, error, options, () => void this.sent(method, params, id, options));
      return null;
    } finally {
      this.count(method, -1);
    }
  }

  /** With a shared key, the page asks once for a name. False if the dialog was closed. */
  private async isNamed(): Promise<boolean> {
    const { sharesKey, name } = this.person.value;
    if (!sharesKey || name !== null) return true;
    const given = await this.around.dialogs.name();
    if (given === null) return false;
    this.around.source.introduce(given);
    return true;
  }

  private async insisting<M extends WritingMethod>(method: M, params: Change<M>, id: string): Promise<Changed<M>> {
    const last = Date.now() + LATEST;
    for (;;) {
      try {
        return await this.around.source.send(method, params, id);
      } catch (error) {
        if (!(error instanceof Unanswered) || !this.isRepeatable() || Date.now() > last) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY));
      }
    }
  }

  private async explain(method: WritingMethod, error: unknown, options: RunOptions, again: () => void): Promise<void> {
    const { notices } = this.around;
    if (error instanceof Unanswered) {
      const repeatable = this.isRepeatable();
      notices.problem(
        unansweredSentence(method, repeatable),
        repeatable ? { label: "Try again", press: again } : undefined,
      );
    } else if (!(error instanceof Refused)) {
      throw error;
    } else if (options.refused) {
      options.refused(error);
    } else {
      notices.problem(await this.reason(method, error, options.words));
    }
  }

  /** Why something was refused, as a sentence. */
  async reason(method: WritingMethod, refusal: Refused, words?: RunOptions["words"]): Promise<string> {
    const { clock, source } = this.around;
    const lock = isLocked(refusal) ? await source.ask("lock_info", LOCK_ONLY).catch(() => null) : null;
    return refusalSentence(method, refusal, clock.value, { info: lock?.lock_info, words });
  }

  /** Whether the service carries out requests with the same id once. */
  private isRepeatable(): boolean {
    return this.around.status.value?.extensions.includes("request_id") ?? false;
  }

  private withKey<M extends WritingMethod>(method: M, params: Change<M>): Change<M> {
    const key = this.lockKey.value;
    return key === null || method === "lock" || method === "unlock" ? params : { ...params, lock_key: key };
  }

  private count(method: WritingMethod, more: 1 | -1): void {
    const counts = new Map(this.busySignal.value);
    const left = (counts.get(method) ?? 0) + more;
    if (left > 0) counts.set(method, left);
    else counts.delete(method);
    this.busySignal.value = counts;
  }
}

/** Every scope that a method of the page needs. */
export function scopeOf(method: WritingMethod): WritingScope {
  return SCOPES[method];
}

/** An id that no other request has. `crypto.randomUUID` is missing on pages without TLS. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
