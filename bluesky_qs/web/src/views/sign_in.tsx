/** The sign-in: with a key, with a password, or at an identity provider. */

import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Providers, SignIn } from "../source/sign_in";

type Attempt = () => Promise<void>;

export function SignInView({ signIn }: { signIn: SignIn }) {
  const providers = useSignal<Providers | null>(null);
  const problem = useSignal("");
  const stays = useSignal(false);
  const isBusy = useSignal(false);
  useEffect(() => {
    signIn.providers().then(
      (found) => {
        providers.value = found;
      },
      (error: Error) => {
        problem.value = error.message;
      },
    );
  }, []);
  const attempt = async (work: Attempt) => {
    isBusy.value = true;
    problem.value = "";
    try {
      await work();
    } catch (error) {
      problem.value = error instanceof Error ? error.message : String(error);
    } finally {
      isBusy.value = false;
    }
  };
  const parts = { signIn, stays, isBusy, attempt };
  const list = providers.value?.providers ?? [];
  return (
    <main class="sign-in">
      <h1>Sign in</h1>
      {(problem.value || signIn.notice.value) && (
        <p role="alert" class="bad">
          <span aria-hidden="true">✕ </span>
          {problem.value || signIn.notice.value}
        </p>
      )}
      {list.map(({ provider, mode, confirmation_message }) =>
        mode === "password" ? (
          <PasswordForm key={provider} provider={provider} note={confirmation_message ?? ""} {...parts} />
        ) : (
          <p key={provider}>
            <a class="button primary" href={signIn.externalAddress(provider)}>
              Sign in with {provider}
            </a>
          </p>
        ),
      )}
      <KeyForm isFirst={list.length === 0} {...parts} />
      <label class="check">
        <input
          type="checkbox"
          checked={stays.value}
          onChange={(event) => {
            stays.value = event.currentTarget.checked;
          }}
        />
        Stay signed in on this computer
      </label>
    </main>
  );
}

interface Parts {
  signIn: SignIn;
  stays: Signal<boolean>;
  isBusy: Signal<boolean>;
  attempt: (work: Attempt) => Promise<void>;
}

function PasswordForm({ provider, note, signIn, stays, isBusy, attempt }: Parts & { provider: string; note: string }) {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const [name, password] = [String(form.get("username")), String(form.get("password"))];
    void attempt(() => signIn.withPassword(provider, name, password, stays.value));
  };
  return (
    <form onSubmit={submit} aria-label={`Sign in with ${provider}`}>
      <label>
        User name
        <input name="username" autocomplete="username" required autocapitalize="none" />
      </label>
      <label>
        Password
        <input name="password" type="password" autocomplete="current-password" required />
      </label>
      {note && <p class="meta">{note}</p>}
      <button type="submit" class="primary" disabled={isBusy.value}>
        Sign in
      </button>
    </form>
  );
}

function KeyForm({ isFirst, signIn, stays, isBusy, attempt }: Parts & { isFirst: boolean }) {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const key = String(new FormData(event.currentTarget as HTMLFormElement).get("key")).trim();
    void attempt(() => signIn.withKey(key, stays.value));
  };
  return (
    <form onSubmit={submit} aria-label="Sign in with a key">
      <label>
        {isFirst ? "Key" : "Or a key"}
        <input name="key" type="password" autocomplete="off" required />
      </label>
      {isFirst && <p class="meta">The service prints a link with its key when it starts in a terminal.</p>}
      <button type="submit" class={isFirst ? "primary" : ""} disabled={isBusy.value}>
        Sign in with the key
      </button>
    </form>
  );
}
