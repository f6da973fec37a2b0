import { signal } from "@preact/signals";
import { render } from "preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Alarm } from "../model/alarms";
import { allowNotices, noticePermission, refuseNotices, useBrowserNotices } from "./browser_notices";

const latest = signal<Alarm | null>(null);
let shown: string[];
let clicked: (() => void) | null;
let root: HTMLElement;

/** A browser whose user answers like this when it asks for the permission to show notices. */
function browser(answer: "granted" | "denied", failure?: Error): void {
  class FakeNotification {
    static permission = "default";
    static async requestPermission() {
      FakeNotification.permission = answer;
      return answer;
    }
    constructor(title: string, { body, tag }: { body: string; tag: string }) {
      if (failure) throw failure;
      shown.push(`${title} | ${body} | ${tag}`);
    }
    close() {}
    set onclick(handler: () => void) {
      clicked = handler;
    }
  }
  vi.stubGlobal("Notification", FakeNotification);
  vi.stubGlobal("isSecureContext", true);
}

function Page() {
  useBrowserNotices(latest);
  return null;
}

const alarm = (tag: string): Alarm => ({ tag, title: "A plan failed", text: "count([det])." });

beforeEach(() => {
  localStorage.clear();
  shown = [];
  clicked = null;
  latest.value = null;
  vi.spyOn(document, "hasFocus").mockReturnValue(false);
  root = document.createElement("div");
  render(<Page />, root);
});

afterEach(() => {
  render(null, root);
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

test("an alarm is a notice of the browser once the user has allowed them, and a click leads to the page", async () => {
  browser("granted");
  latest.value = alarm("before");
  await allowNotices();
  expect(noticePermission().value).toBe("on");
  latest.value = alarm("a");
  await vi.waitFor(() => expect(shown).toEqual(["A plan failed | count([det]). | a"]));
  const focus = vi.spyOn(window, "focus");
  clicked?.();
  expect(focus).toHaveBeenCalled();
});

test("no notice is shown to somebody who looks at the page, or who wants none", async () => {
  browser("granted");
  await allowNotices();
  vi.spyOn(document, "hasFocus").mockReturnValue(true);
  latest.value = alarm("seen");
  vi.spyOn(document, "hasFocus").mockReturnValue(false);
  refuseNotices();
  expect(noticePermission().value).toBe("off");
  latest.value = alarm("refused");
  await allowNotices();
  latest.value = alarm("wanted");
  await vi.waitFor(() => expect(shown).toEqual(["A plan failed | count([det]). | wanted"]));
});

test("the page knows why there are none: the browser blocks them, or cannot show them", async () => {
  browser("denied");
  await allowNotices();
  expect(noticePermission().value).toBe("blocked");
  vi.stubGlobal("isSecureContext", false);
  expect(noticePermission().value).toBe("impossible");
  browser("granted", new TypeError("Illegal constructor"));
  await allowNotices();
  latest.value = alarm("phone");
  expect(shown).toEqual([]);
});
