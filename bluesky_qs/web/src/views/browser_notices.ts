/** Browser notifications about failures and questions while the page is hidden, if the user wants them. */

import { type ReadonlySignal, signal, useSignalEffect } from "@preact/signals";
import type { Alarm } from "../model/alarms";

const PLACE = "bluesky-qs:notices";

/** Whether the user wants notifications, and whether the browser can and may show them. */
export type Permission = "off" | "on" | "blocked" | "impossible";

const permission = signal<Permission>("off");

export function noticePermission(): ReadonlySignal<Permission> {
  permission.value = present();
  return permission;
}

/** Request permission. The browser asks the user. */
export async function allowNotices(): Promise<void> {
  localStorage.setItem(PLACE, "on");
  if ("Notification" in window) await Notification.requestPermission();
  permission.value = present();
}

export function refuseNotices(): void {
  localStorage.removeItem(PLACE);
  permission.value = present();
}

/** Show each alarm, unless the user is looking at the page. */
export function useBrowserNotices(latest: ReadonlySignal<Alarm | null>): void {
  useSignalEffect(() => {
    const alarm = latest.value;
    if (alarm === null || present() !== "on" || document.hasFocus()) return;
    try {
      const notice = new Notification(alarm.title, { body: alarm.text, tag: alarm.tag });
      notice.onclick = () => {
        window.focus();
        notice.close();
      };
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      permission.value = "impossible"; // mobile browsers show notifications only for installed pages
    }
  });
}

/** Browsers offer no notifications to pages without TLS, unless the server is on the same computer. */
function present(): Permission {
  if (!("Notification" in window) || !window.isSecureContext) return "impossible";
  if (Notification.permission === "denied") return "blocked";
  return Notification.permission === "granted" && localStorage.getItem(PLACE) === "on" ? "on" : "off";
}
