import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "./", // the page works behind any prefix
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    license: { fileName: "licenses.md" }, // of the packages whose code is in the page
    assetsInlineLimit: 0, // the policy of the page allows no data: addresses
    reportCompressedSize: false,
  },
  // vmThreads makes the environment once per thread, with modules of its own for each file.
  test: { environment: "happy-dom", pool: "vmThreads", include: ["src/**/*.test.ts", "src/**/*.test.tsx"] },
});
