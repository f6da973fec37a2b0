/** The instruments behind the HTTP door. Each has its own part of the API. */

import type { paths } from "./api.gen";
import { HttpSource } from "./http";
import type { SignIn } from "./sign_in";
import type { Door, Schemas } from "./source";

const LIST = "/api/instruments" satisfies keyof paths;

export class HttpDoor implements Door {
  /** `base` is the URL of `/api`. */
  constructor(
    private readonly base: string,
    private readonly signIn: SignIn,
    readonly instrument: string,
  ) {}

  async names(): Promise<readonly string[]> {
    const address = this.base + LIST.slice("/api".length);
    const response = await fetch(address, { headers: await this.signIn.headers(), cache: "no-store" });
    if (!response.ok) throw new Error(`The server answered with status ${response.status}.`);
    const { instruments } = (await response.json()) as Schemas["Instruments"];
    return (instruments ?? []).map((each) => each.name);
  }

  source(name: string): HttpSource {
    const part = name ? `${LIST.slice("/api".length)}/${encodeURIComponent(name)}` : "";
    return new HttpSource(this.base + part, this.signIn);
  }
}
