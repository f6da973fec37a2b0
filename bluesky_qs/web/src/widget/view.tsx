/** The view in a notebook: the page's Now, Queue and History, without the rest of the page. */

import { render } from "preact";
import { Model } from "../model/model";
import type { WidgetSource } from "../source/widget";
import { linkTo, OwnPlace, usePlace, WithPlace } from "../views/address";
import { useModel, WithModel } from "../views/app";
import { Dialogs } from "../views/dialog";
import { useFocusedView } from "../views/focused_view";
import { HistoryView } from "../views/history";
import { ItemView } from "../views/item";
import { Connection } from "../views/link";
import { LiveDot } from "../views/live_dot";
import { NoticeArea } from "../views/notices";
import { NowView } from "../views/now";
import { shownUser } from "../words/results";

const VIEWS = { now: NowView, history: HistoryView, item: ItemView };
const TITLES: Partial<Record<keyof typeof VIEWS, string>> = { now: "Now", history: "History" };

/** Show a service in a shadow tree, until the returned function is called. */
export function showIn(root: ShadowRoot, source: WidgetSource): () => void {
  const model = new Model(source);
  const place = new OwnPlace();
  const box = document.createElement("div");
  box.className = "box";
  root.append(box);
  // The address of the window belongs to the notebook.
  const follow = (event: Event) => {
    const link = event.composedPath().find((each) => each instanceof Element && each.localName === "a");
    const target = link instanceof Element ? link.getAttribute("href") : null;
    if (!target?.startsWith("#/")) return;
    event.preventDefault();
    place.go(target);
  };
  box.addEventListener("click", follow);
  box.addEventListener("auxclick", follow);
  box.addEventListener("keydown", submitted);
  const view = (
    <WithPlace value={place}>
      <WithModel model={model}>
        <View />
      </WithModel>
    </WithPlace>
  );
  render(view, box);
  return () => {
    render(null, box);
    box.remove();
    model.close();
  };
}

/** Submits a form with Enter, because the browser does not do this in JupyterLab's outputs. */
function submitted(event: KeyboardEvent): void {
  const field = event.target;
  if (event.key !== "Enter" || event.defaultPrevented || event.isComposing) return;
  if (!(field instanceof HTMLInputElement) || field.form === null) return;
  event.preventDefault();
  if (!field.form.querySelector("[type=submit]:disabled")) field.form.requestSubmit();
}

function View() {
  const model = useModel();
  const asked = usePlace().address.value.view;
  const name = Object.hasOwn(VIEWS, asked) ? (asked as keyof typeof VIEWS) : "now";
  const Shown = VIEWS[name];
  const main = useFocusedView(name);
  const isStale = !["live", "connecting"].includes(model.link.value.state);
  return (
    <div class="page">
      <header>
        <nav aria-label="Views">
          {Object.entries(TITLES).map(([each, title]) => (
            <a key={each} href={linkTo(each)} aria-current={each === name ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <span class="signed-in">
          <LiveDot />
          <span class="who">{shownUser(model.actions.person.value.user)}</span>
        </span>
      </header>
      <Connection />
      <main ref={main} tabIndex={-1} class={`${name}${isStale ? " stale" : ""}`}>
        <Shown />
      </main>
      <NoticeArea />
      <Dialogs />
    </div>
  );
}
