/** Data whose version is in the status. They are read again when the version changes. */

import { signal } from "@preact/signals";

/** Milliseconds until the next attempt if there is no answer. */
const RETRY = 2000;

export class Followed<T> {
  /** Null before the first reading, and if the user may not read them. */
  readonly value = signal<T | null>(null);
  private version: string | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isClosed = false;

  /** `read` requests them from the service. */
  constructor(private readonly read: () => Promise<T>) {}

  look(version: string): void {
    if (version === this.version) return;
    this.version = version;
    void this.again(version, 1);
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
  }

  private async again(version: string, tries: number): Promise<void> {
    clearTimeout(this.timer);
    try {
      const value = await this.read();
      if (version === this.version) this.value.value = value;
    } catch {
      // The sign-in may not read it, or the service is away, which the page says.
      if (tries > 0 && !this.isClosed) this.timer = setTimeout(() => void this.again(version, tries - 1), RETRY);
    }
  }
}
