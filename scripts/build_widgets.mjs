// Bundle every widget, js/widgets/NAME.ts → dl_lab/static/NAME.{js,css}.
//
// A bundle is self-contained (anywidget sends it over the comm, where no import can be resolved)
// and every instance of the widget carries it, hence the limit; of the words in js/shared/locales it
// holds those that it imports. What the kernel refuses it says itself, in other languages from
// static/sentences.json; what the server refuses, static/problems.json; what pictures in saved
// notebooks say, static/NAME.json.
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, context } from "esbuild";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SOURCE = join(ROOT, "js", "widgets");
const TARGET = join(ROOT, "dl_lab", "static");
const LIMIT_BYTES = 150_000;

async function entryPoints() {
  const entries = await readdir(SOURCE, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && /^[a-z]\w*\.ts$/.test(entry.name))
    .map((entry) => join(SOURCE, entry.name));
}

const LOCALES = join(ROOT, "js", "shared", "locales");
const LANGUAGES = ["en", "es"];

async function catalogue(name) {
  return JSON.parse(await readFile(join(LOCALES, `${name}.json`), "utf8"));
}

/** What Python says in other languages, and the words of each widget for what it draws itself. */
async function sentences() {
  const { error } = await catalogue("es");
  const { tensorboardProblem } = await catalogue("lab.es");
  const files = { "sentences.json": { es: error }, "problems.json": { es: tensorboardProblem } };
  for (const entry of options.entryPoints) {
    const name = basename(entry, ".ts");
    const words = LANGUAGES.map(async (one) => [one, await catalogue(`${name}.${one}`)]);
    files[`${name}.json`] = Object.fromEntries(await Promise.all(words));
  }
  return files;
}

const options = {
  entryPoints: await entryPoints(),
  absWorkingDir: ROOT,
  outdir: TARGET,
  bundle: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
};

function report(outputs) {
  const tooLarge = [];
  for (const { path, contents } of outputs) {
    const size = `${(contents.length / 1000).toFixed(1)} kB`;
    console.log(`${basename(path).padEnd(32)}${size.padStart(10)}`);
    if (contents.length > LIMIT_BYTES) tooLarge.push(basename(path));
  }
  if (tooLarge.length > 0) {
    throw new Error(
      `Above ${LIMIT_BYTES / 1000} kB: ${tooLarge.join(", ")}. Import less, or split the widget.`,
    );
  }
}

if (process.argv.includes("--watch")) {
  const watcher = await context({ ...options, sourcemap: "inline", logLevel: "info" });
  await watcher.watch();
} else {
  // Written only when all is well: a build that fails leaves the last one in its place.
  const { outputFiles } = await build({ ...options, minify: true, write: false });
  report(outputFiles);
  await rm(TARGET, { recursive: true, force: true });
  await mkdir(TARGET, { recursive: true });
  await Promise.all([
    ...outputFiles.map(({ path, contents }) => writeFile(path, contents)),
    ...Object.entries(await sentences()).map(([name, found]) =>
      writeFile(join(TARGET, name), JSON.stringify(found)),
    ),
  ]);
}
