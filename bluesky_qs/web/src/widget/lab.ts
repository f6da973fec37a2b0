/** The extension for JupyterLab and Notebook 7. It draws the outputs of `%qs widget`, using a comm to the kernel. */

import type { Channel } from "../source/widget";
import { Output } from "./output";

export const MIME_TYPE = "application/vnd.bluesky-qs.view+json";
const TARGET = "bluesky_qs.view";
const PROTOCOL = 1;
/** Milliseconds to wait for a kernel subshell, which takes requests while a cell runs. */
const SUBSHELL = 3000;
/** States of a kernel that has ended or is about to end. */
const ENDS = ["restarting", "autorestarting", "terminating", "dead"];

// The parts of JupyterLab that are used here. JupyterLab shares its modules with extensions.
interface Signal<T> {
  connect(slot: (sender: unknown, value: T) => void): boolean;
  disconnect(slot: (sender: unknown, value: T) => void): boolean;
}
interface Comm {
  readonly isDisposed: boolean;
  readonly subshellStarted?: Promise<void>;
  onMsg: (message: { content: { data: { json?: string } } }) => void;
  onClose: () => void;
  open(data: object): unknown;
  send(data: object): unknown;
  close(): unknown;
}
interface Kernel {
  readonly info: Promise<unknown>;
  readonly supportsSubshells?: boolean;
  createComm(target: string): Comm;
}
interface SessionContext {
  readonly ready: Promise<void>;
  readonly session: { readonly kernel: Kernel | null } | null;
  readonly statusChanged: Signal<string>;
  readonly kernelChanged: Signal<unknown>;
}
interface Panel {
  readonly node: HTMLElement;
  readonly sessionContext?: SessionContext;
  readonly console?: { readonly sessionContext: SessionContext };
}
interface Tracker {
  readonly currentWidget: Panel | null;
  find(is: (panel: Panel) => boolean): Panel | undefined;
}
interface MimeModel {
  readonly data: Readonly<Record<string, unknown>>;
}
interface Renderer {
  readonly node: HTMLElement;
  renderModel(model: MimeModel): Promise<void>;
  dispose(): void;
}
interface RenderMime {
  addFactory(factory: object, rank: number): void;
  createRenderer(mimeType: string): Renderer;
}
interface Widget {
  readonly node: HTMLElement;
  readonly isDisposed: boolean;
  readonly isAttached: boolean;
  addClass(name: string): void;
  dispose(): void;
  onAfterAttach(message: unknown): void;
}
type Shared = Record<string, Record<string, { get(): Promise<() => unknown> }>>;

/** The plugin, which uses the modules that JupyterLab shares. */
export async function extension(shared: Shared): Promise<object> {
  const module = async (name: string): Promise<Record<string, unknown>> => {
    const versions = Object.values(shared[name] ?? {});
    return ((await versions.at(-1)?.get())?.() ?? {}) as Record<string, unknown>;
  };
  const [notebook, consoles, rendermime, widgets] = await Promise.all(
    ["@jupyterlab/notebook", "@jupyterlab/console", "@jupyterlab/rendermime", "@lumino/widgets"].map(module),
  );
  const Base = widgets?.Widget as new () => Widget;
  const plugin = {
    id: "bluesky-qs:view",
    description: "Draws the outputs of %qs widget.",
    autoStart: true,
    requires: [rendermime?.IRenderMimeRegistry, notebook?.INotebookTracker],
    optional: [consoles?.IConsoleTracker].filter(Boolean),
    activate: (_app: unknown, registry: RenderMime, notebooks: Tracker, others: Tracker | null) => {
      const Renderer = rendererOf(Base, registry, [notebooks, others]);
      const factory = { safe: true, mimeTypes: [MIME_TYPE], createRenderer: () => new Renderer() };
      registry.addFactory(factory, 0);
    },
  };
  return { __esModule: true, default: plugin };
}

function rendererOf(Base: new () => Widget, registry: RenderMime, trackers: readonly (Tracker | null)[]) {
  return class ViewRenderer extends Base {
    private model: MimeModel | null = null;
    private html: Renderer | null = null;
    private readonly output: Output;
    private context: SessionContext | null = null;
    private isConnecting = false;

    constructor() {
      super();
      this.addClass("qs-view");
      this.output = new Output(this.node, (box) => void this.draw(box));
    }

    async renderModel(model: MimeModel): Promise<void> {
      this.model = model;
      this.output.changed();
      this.begin();
    }

    override onAfterAttach(message: unknown): void {
      super.onAfterAttach(message);
      this.begin();
    }

    override dispose(): void {
      if (this.isDisposed) return;
      this.context?.statusChanged.disconnect(this.followStatus);
      this.context?.kernelChanged.disconnect(this.again);
      this.output.close();
      this.html?.dispose();
      super.dispose();
    }

    /** Draw the still as JupyterLab draws any HTML: sanitized, unless the notebook is trusted. */
    private async draw(box: HTMLElement): Promise<void> {
      if (!this.model) return;
      const html = registry.createRenderer("text/html");
      await html.renderModel(this.model);
      this.html?.dispose();
      this.html = html;
      box.replaceChildren(html.node);
    }

    /** The session of the notebook or console that contains this output. */
    private begin(): void {
      if (this.context || !this.isAttached || !this.model) return;
      const panel = trackers.map((each) => each?.find(({ node }) => node.contains(this.node))).find(Boolean);
      const home = panel ?? trackers[0]?.currentWidget; // the output may be shown in another tab
      this.context = home?.sessionContext ?? home?.console?.sessionContext ?? null;
      this.context?.statusChanged.connect(this.followStatus);
      this.context?.kernelChanged.connect(this.again);
      void this.context?.ready.then(this.again);
    }

    private readonly followStatus = (_context: unknown, status: string): void => {
      if (ENDS.includes(status)) this.output.end();
    };

    private readonly again = (): void => void this.connect();

    private async connect(): Promise<void> {
      const { view, protocol } = (this.model?.data[MIME_TYPE] ?? {}) as { view?: string; protocol?: number };
      const kernel = this.context?.session?.kernel;
      if (!kernel || !view || protocol !== PROTOCOL || this.isConnecting || this.isDisposed) return;
      this.isConnecting = true;
      let comm: Comm;
      try {
        comm = await this.commOf(kernel);
      } finally {
        this.isConnecting = false; // this throws if the kernel ends meanwhile; the next kernel will be asked
      }
      if (this.isDisposed || comm.isDisposed) return;
      this.output.connect(channelOf(comm), this.again);
      comm.open({ view });
    }

    private async commOf(kernel: Kernel): Promise<Comm> {
      await kernel.info;
      const comm = kernel.createComm(TARGET);
      if (kernel.supportsSubshells) {
        await Promise.race([comm.subshellStarted, new Promise((resolve) => setTimeout(resolve, SUBSHELL))]);
      }
      return comm;
    }
  };
}

function channelOf(comm: Comm): Channel {
  const channel: Channel = {
    send: (message) => {
      if (!comm.isDisposed) comm.send(message);
    },
    received: () => {},
    close: () => {
      if (!comm.isDisposed) comm.close();
    },
  };
  comm.onMsg = ({ content }) => {
    if (content.data.json) channel.received(JSON.parse(content.data.json));
  };
  comm.onClose = () => channel.received({ type: "ended" });
  return channel;
}
