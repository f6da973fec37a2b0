/** Data that is read again whenever its version in the status changes. */

import { signal } from "@preact/signals";

/** Milliseconds between attempts while the service does not answer. */
const RETRY = 2000;

export class Followed<T> {
  /** Null before the first reply, and if the user may not read the data. */
  readonly value = signal<T | null>(null);
  private version: string | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isClosed = false;

  /** `read` requests the data from the service. */
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
      // Either the user may not read the data, or the service is unreachable, which the page shows.
      if (tries > 0 && !this.isClosed) this.timer = setTimeout(() => void this.again(version, tries - 1), RETRY);
    }
  }
}
