/** A websocket to the door. It reconnects whenever the connection ends. */

/** Milliseconds between connection attempts: the first delay and the longest one. */
const SOON = 250;
const LATEST = 2000;
/** The door's close codes for missing or wrong credentials. */
const NOT_SIGNED_IN = [4001, 4401];

export interface StreamHandlers {
  /** Returns the URL, which contains the number of the last event. */
  address: () => string;
  /** Returns the first message, which contains the credentials; null if the browser has a cookie. */
  credentials: () => Promise<object | null>;
  connected: () => void;
  message: (message: unknown) => void;
  refused: () => void;
}

export class Stream {
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private wait = SOON;
  private isClosed = false;

  constructor(private readonly handlers: StreamHandlers) {
    void this.connect();
  }

  /** Reconnect immediately, because the connection may be broken even if it seems open. */
  renew(): void {
    this.wait = SOON;
    this.drop();
    void this.connect();
  }

  close(): void {
    this.isClosed = true;
    this.drop();
  }

  private drop(): void {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  private async connect(): Promise<void> {
    let first: object | null;
    try {
      first = await this.handlers.credentials();
    } catch {
      this.later(); // the door cannot be reached; the next request reports the reason
      return;
    }
    if (this.isClosed || this.socket) return;
    const socket = new WebSocket(this.handlers.address());
    this.socket = socket;
    socket.onopen = () => {
      if (first) socket.send(JSON.stringify(first));
      if (this.socket === socket) this.handlers.connected();
    };
    socket.onmessage = (event: MessageEvent<string>) => {
      this.wait = SOON;
      if (this.socket === socket) this.handlers.message(JSON.parse(event.data));
    };
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      this.socket = null;
      if (NOT_SIGNED_IN.includes(event.code)) this.handlers.refused();
      this.later();
    };
  }

  private later(): void {
    if (this.isClosed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.connect(), this.wait);
    this.wait = Math.min(this.wait * 2, LATEST);
  }
}
