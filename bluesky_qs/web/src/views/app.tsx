/** The page: either the sign-in, or a header, a warning about the connection, and one view. */

import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { type ComponentType, createContext } from "preact";
import { useContext, useEffect } from "preact/hooks";
import { Model } from "../model/model";
import type { SignIn } from "../source/sign_in";
import type { Door, Source } from "../source/source";
import { refusal } from "../words/permitted";
import { titleOf } from "../words/title";
import { followAddress, PAGE } from "./address";
import { useBrowserNotices } from "./browser_notices";
import { ConsoleView } from "./console";
import { DevicesView } from "./devices";
import { Dialogs } from "./dialog";
import { useFocusedView } from "./focused_view";
import { HistoryView } from "./history";
import { InstrumentsView, UnknownInstrument } from "./instruments";
import { ItemView } from "./item";
import { Connection } from "./link";
import { LiveDot } from "./live_dot";
import { MeView } from "./me";
import { NoticeArea } from "./notices";
import { NowView } from "./now";
import { SignInView } from "./sign_in";
import { isWall, WallView } from "./wall";

const ModelContext = createContext<Model | null>(null);

/** The service's model. */
export function useModel(): Model {
  const model = useContext(ModelContext);
  if (model === null) throw new Error("A view is outside the page");
  return model;
}

export function WithModel({ model, children }: { model: Model; children: preact.ComponentChildren }) {
  return <ModelContext.Provider value={model}>{children}</ModelContext.Provider>;
}

/** The views by the first part of their address. Views without a title are not in the navigation. */
const VIEWS: Record<string, { title?: string; View: ComponentType }> = {
  now: { title: "Now", View: NowView },
  history: { title: "History", View: HistoryView },
  devices: { title: "Devices", View: DevicesView },
  console: { title: "Console", View: ConsoleView },
  instruments: { title: "Instruments", View: InstrumentsView },
  item: { View: ItemView },
  me: { View: MeView },
};

function shownView(): string {
  const { view } = PAGE.address.value;
  return Object.hasOwn(VIEWS, view) ? view : "now";
}

interface AppProps {
  signIn: SignIn;
  newSource: () => Source;
  /** The other services behind the same door, if there is one. */
  door?: Door;
}

export function App({ signIn, newSource, door }: AppProps) {
  const model = useSignal<Model | null>(null);
  const problem = useSignal("");
  const isResumed = useSignal(false);
  useEffect(() => {
    const resume = () =>
      signIn.resume().then(
        () => {
          isResumed.value = true;
          problem.value = "";
        },
        (error: Error) => {
          problem.value = error.message;
          setTimeout(resume, 1000);
        },
      );
    void resume();
    return followAddress();
  }, []);
  useSignalEffect(() => {
    const me = signIn.me.value;
    const open = model.peek();
    if (me && !open && !refusal(me)) model.value = new Model(newSource(), door);
    if (!me && open) {
      open.close();
      model.value = null;
    }
  });
  if (!isResumed.value) return <p class="alone">{problem.value || "Connecting …"}</p>;
  if (model.value === null) {
    const reason = signIn.me.value && refusal(signIn.me.value);
    return reason ? <NotPermitted signIn={signIn} reason={reason} /> : <SignInView signIn={signIn} />;
  }
  return <WithModel model={model.value}>{isWall() ? <WallView /> : <Page signIn={signIn} />}</WithModel>;
}

/** The page for a user who may not see the queue: the reason, and a button to sign out. */
function NotPermitted({ signIn, reason }: { signIn: SignIn; reason: string }) {
  return (
    <>
      <header>
        <b>Queue</b>
        <SignedIn signIn={signIn} />
      </header>
      <main>
        <p class="alone" role="alert">
          {reason}
        </p>
      </main>
    </>
  );
}

function Page({ signIn }: { signIn: SignIn }) {
  const model = useModel();
  useTitle();
  useBrowserNotices(model.alarms.latest);
  const view = shownView();
  const View = VIEWS[view]?.View;
  const main = useFocusedView(view);
  const isStale = useComputed(() => !["live", "connecting"].includes(model.link.value.state));
  return (
    <>
      <Header signIn={signIn} />
      {model.instruments.isUnknown.value ? (
        <UnknownInstrument />
      ) : (
        <>
          <Connection />
          <main ref={main} tabIndex={-1} class={`${view}${isStale.value ? " stale" : ""}`}>
            {View && <View />}
          </main>
        </>
      )}
      <NoticeArea />
      <Dialogs />
    </>
  );
}

function Header({ signIn }: { signIn: SignIn }) {
  const { instruments } = useModel();
  const view = shownView();
  const current = instruments.current.value;
  return (
    <header>
      <b class={current && "instrument"}>{current || "Queue"}</b>
      <nav aria-label="Views">
        {Object.entries(VIEWS).map(
          ([name, { title }]) =>
            title &&
            (current || name !== "instruments") && (
              <a key={name} href={`#/${name}`} aria-current={view === name ? "page" : undefined}>
                {title}
              </a>
            ),
        )}
      </nav>
      <SignedIn signIn={signIn} href="#/me">
        <LiveDot />
      </SignedIn>
    </header>
  );
}

interface SignedInProps {
  signIn: SignIn;
  /** The view of the signed-in user, if there is one. */
  href?: string;
  children?: preact.ComponentChildren;
}

function SignedIn({ signIn, href, children }: SignedInProps) {
  const name = signIn.name.value;
  const shared = name ? `${name} (shared key)` : "shared key";
  const who = signIn.sharesKey.value ? shared : signIn.me.value?.user;
  return (
    <span class="signed-in">
      {children}
      {href ? (
        <a class="who" href={href} aria-current={shownView() === "me" ? "page" : undefined}>
          {who}
        </a>
      ) : (
        <span class="who">{who}</span>
      )}
      <button type="button" class="quiet" onClick={() => void signIn.signOut()}>
        Sign out
      </button>
    </span>
  );
}

/** Show the state in the browser tab's title, so that users see it from other tabs. */
function useTitle(): void {
  const model = useModel();
  useEffect(() => model.past.begin(), [model]); // the last plan may have failed, no matter which view is open
  useSignalEffect(() => {
    const status = model.status.value;
    const last = model.past.items.value[0];
    const title = status ? titleOf(model.link.value.state, status, model.clock.value.now, last) : "";
    document.title = title + (model.instruments.current.value || "Queue");
  });
}
