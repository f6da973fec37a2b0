/** Builds the JupyterLab extension, which uses the page's components for the outputs of `%qs widget`.
 *
 * JupyterLab loads `remoteEntry` as a script, and gets the extension from the container that this script registers. The
 * container is so small that it is written here instead of by JupyterLab's own builder.
 */

import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";
import { inShadow } from "./src/widget/shadow_css";

const NAME = "bluesky-qs";

function styles(): Plugin {
  return {
    name: "styles-in-a-shadow-tree",
    enforce: "pre",
    transform: (code, id) => (/\.css(\?|$)/.test(id) ? { code: inShadow(code), map: null } : undefined),
  };
}

function container(): Plugin {
  return {
    name: "container",
    generateBundle(_options, bundle) {
      const entry = Object.values(bundle).find((each) => each.type === "chunk" && each.isEntry);
      if (!entry) throw new Error("no entry");
      const file = entry.fileName.replace("static/", "");
      const load = `static/remoteEntry.${file.split(".")[1]}.js`;
      this.emitFile({ type: "asset", fileName: load, source: remoteEntry(file) });
      this.emitFile({ type: "asset", fileName: "package.json", source: JSON.stringify(description(load), null, 2) });
    },
  };
}

const remoteEntry = (file: string) => `(() => {
  let shared;
  (window._JUPYTERLAB ??= {})["${NAME}"] = {
    init: (scope) => { shared = scope; },
    get: async () => {
      const made = await (await import("./${file}")).extension(shared);
      return () => made;
    },
  };
})();
`;

function description(load: string): object {
  const version = /"(.*)"/.exec(readFileSync("../_version.py", "utf8"))?.[1] ?? "0";
  return {
    name: NAME,
    version,
    description: "Draws the outputs of %qs widget, the live view of the Bluesky Queue Server",
    license: "BSD-3-Clause",
    jupyterlab: { extension: true, _build: { load, extension: "./extension" } },
  };
}

export default defineConfig({
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: [styles(), container()],
  publicDir: false,
  build: {
    outDir: "labextension",
    target: "es2022",
    modulePreload: false,
    license: { fileName: "licenses.md" },
    reportCompressedSize: false,
    rolldownOptions: {
      input: { view: "src/widget/lab.ts" },
      preserveEntrySignatures: "strict",
      output: { entryFileNames: "static/[name].[hash].js" },
    },
  },
});
