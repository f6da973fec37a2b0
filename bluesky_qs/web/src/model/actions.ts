/** Sends the user's changes to the service, and shows a notice if the service refuses one. */

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

/** Milliseconds between attempts while the service does not answer, and milliseconds until the page gives up. */
const RETRY = 500;
const LATEST = 10_000;

/** Parameters that read the lock without checking a key. The door requires the parameter. */
export const LOCK_ONLY = { lock_key: null };

export interface RunOptions {
  /** Handles a refusal elsewhere, such as in a form, so that no notice is shown. */
  refused?: (refusal: Refused) => void;
  /** Describes a refusal better than the service does. Not used if the reason is a lock or the service's state. */
  words?: (refusal: Refused) => string;
}

/** The parts of the model that actions use. */
export interface Surroundings {
  readonly source: Source;
  readonly status: ReadonlySignal<Status | null>;
  readonly clock: ReadonlySignal<Clock>;
  readonly notices: Notices;
  readonly dialogs: Dialogs;
}

export class Actions {
  /** The lock key sent with every change, so that the user's own lock does not block it. */
  readonly lockKey = signal<string | null>(null);
  private readonly busySignal = signal<ReadonlyMap<WritingMethod, number>>(new Map());

  constructor(private readonly around: Surroundings) {}

  get person(): ReadonlySignal<Person> {
    return this.around.source.person;
  }

  /** Change the name under which a user with a shared key is shown. */
  introduce(name: string): void {
    this.around.source.introduce(name);
  }

  /** Whether the user has a scope. The page hides controls that the user's scopes do not allow. */
  may(scope: WritingScope): boolean {
    return this.person.value.scopes.has(scope);
  }

  /** Whether a request with one of these methods is still unanswered. */
  isBusy(...methods: WritingMethod[]): boolean {
    return methods.some((method) => this.busySignal.value.has(method));
  }

  /** Send a change and return the reply. If it was refused or not answered, show a notice and return null.
   *
   * If there is no answer, the request is sent again with the same id, so the service carries it out only once.
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

  /** Ask once for a name if the key is shared. Returns false if the user closed the dialog. */
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

  /** The reason for a refusal, as a sentence. */
  async reason(method: WritingMethod, refusal: Refused, words?: RunOptions["words"]): Promise<string> {
    const { clock, source } = this.around;
    const lock = isLocked(refusal) ? await source.ask("lock_info", LOCK_ONLY).catch(() => null) : null;
    return refusalSentence(method, refusal, clock.value, { info: lock?.lock_info, words });
  }

  /** Whether the service recognizes repeated requests by their id. */
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

/** The scope that a method requires. */
export function scopeOf(method: WritingMethod): WritingScope {
  return SCOPES[method];
}

/** A unique id for a request. `crypto.randomUUID` is missing on pages without TLS. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
