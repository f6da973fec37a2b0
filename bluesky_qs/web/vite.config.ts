import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "./", // the page works behind any prefix
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    license: { fileName: "licenses.md" }, // the licenses of the packages whose code is in the page
    assetsInlineLimit: 0, // the page's security policy does not allow data: URLs
    reportCompressedSize: false,
  },
  // vmThreads creates the environment once per thread, with separate modules for each file.
  test: { environment: "happy-dom", pool: "vmThreads", include: ["src/**/*.test.ts", "src/**/*.test.tsx"] },
});
