/** The output of a cell: the live view, or the still with the reason. */

import { effect } from "@preact/signals";
import uplotCss from "uplot/dist/uPlot.min.css?inline";
import composeCss from "../compose.css?inline";
import controlsCss from "../controls.css?inline";
import historyCss from "../history.css?inline";
import itemCss from "../item.css?inline";
import queueCss from "../queue.css?inline";
import { type Channel, WidgetSource } from "../source/widget";
import styleCss from "../style.css?inline";
import { showIn } from "./view";
import widgetCss from "./widget.css?inline";

const SHEETS = [uplotCss, styleCss, composeCss, controlsCss, queueCss, itemCss, historyCss, widgetCss];

const ENDED = "The kernel has ended. This was the last state. Run the cell again to see it live.";
const SAVED = "This was the state when the notebook was saved. Run the cell to see it live.";
const HELD =
  "A cell is running, so the buttons are not available: interrupt the cell first, or wait until it has ended.";

export class Output {
  private readonly note = document.createElement("p");
  private readonly still = document.createElement("div");
  private readonly live = document.createElement("div");
  private readonly root: ShadowRoot;
  private source: WidgetSource | null = null;
  private hide: (() => void) | null = null;
  private stop: (() => void) | null = null;
  private isStillOld = true;
  private wasLive = false;
  private readonly scheme: MutationObserver;

  /** `draw` draws the latest still. */
  constructor(
    node: HTMLElement,
    private readonly draw: (box: HTMLElement) => void,
  ) {
    this.note.hidden = true;
    this.note.setAttribute("role", "status");
    this.note.style.margin = "0 0 0.5em";
    this.live.hidden = true;
    // Keys that are pressed in the view must not reach the notebook.
    this.live.setAttribute("data-lm-suppress-shortcuts", "true");
    this.root = this.live.attachShadow({ mode: "open" });
    this.root.adoptedStyleSheets = styles();
    node.append(this.note, this.still, this.live);
    this.scheme = new MutationObserver(() => this.followScheme());
    this.scheme.observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
    this.followScheme();
  }

  /** Take a new still. */
  changed(): void {
    this.isStillOld = true;
    if (!this.still.hidden) this.drawStill();
  }

  /** Show the kernel's view, using a channel to it. `again` is called if the connection must be made again. */
  connect(channel: Channel, again: () => void): void {
    this.disconnect();
    const source = new WidgetSource(channel);
    this.source = source;
    this.stop = effect(() => {
      const { state } = source.link.value;
      const [isReady, isHeld] = [source.isReady.value, source.held.value];
      this.wasLive ||= isReady;
      if (state === "ended") {
        queueMicrotask(() => this.ended(source, again));
      } else if (isReady && !isHeld) {
        queueMicrotask(() => this.showLive(source));
      } else if (isReady) {
        queueMicrotask(() => this.showStill(HELD));
      }
    });
  }

  /** The kernel has ended. */
  end(): void {
    this.source?.end();
  }

  close(): void {
    this.disconnect();
    this.scheme.disconnect();
  }

  private disconnect(): void {
    this.stop?.();
    this.hide?.();
    this.source?.close();
    this.stop = this.hide = this.source = null;
  }

  private ended(source: WidgetSource, again: () => void): void {
    if (source !== this.source) return;
    this.disconnect();
    this.showStill(this.wasLive ? ENDED : SAVED);
    if (source.wasDropped) again();
  }

  private showLive(source: WidgetSource): void {
    if (source !== this.source) return;
    this.hide ??= showIn(this.root, source);
    this.note.hidden = this.still.hidden = true;
    this.still.replaceChildren();
    this.isStillOld = true;
    this.live.hidden = false;
  }

  private showStill(note: string): void {
    this.note.textContent = note;
    this.note.hidden = false;
    this.live.hidden = true;
    this.still.hidden = false;
    this.drawStill();
  }

  private drawStill(): void {
    if (!this.isStillOld) return;
    this.isStillOld = false;
    this.draw(this.still);
  }

  private followScheme(): void {
    const { jpThemeLight } = document.body.dataset;
    const isDark = jpThemeLight ? jpThemeLight === "false" : matchMedia("(prefers-color-scheme: dark)").matches;
    this.live.dataset.scheme = isDark ? "dark" : "light";
  }
}

let made: CSSStyleSheet[] | null = null;

/** One set of style sheets for all views. Style elements are not used, because the server's policy may forbid them. */
function styles(): CSSStyleSheet[] {
  made ??= SHEETS.map((css) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    return sheet;
  });
  return made;
}
