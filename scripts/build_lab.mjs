// Build the labextension: js/lab → build/lab/index.js (one file, JupyterLab's packages left out)
// → dl_lab/labextension (module federation, which shares those packages with the running Lab).
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const require = createRequire(import.meta.url);

await build({
  entryPoints: [join(ROOT, "js", "lab", "index.ts")],
  absWorkingDir: ROOT,
  outfile: join(ROOT, "build", "lab", "index.js"),
  bundle: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  external: ["@jupyterlab/*", "@lumino/*", "react", "react-dom"],
  loader: { ".svg": "text" },
  logLevel: "warning",
});

const builder = require.resolve("@jupyter/builder/lib/build-labextension.js");
const core = require.resolve("@jupyterlab/core-meta/core.package.json");
execFileSync(process.execPath, [builder, "--core-package-file", core, ROOT], {
  cwd: ROOT,
  stdio: "inherit",
});
