// Puts the built program into a few files: most of the time a command takes to start is the reading of hundreds of small ones.
import { existsSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));
const dist = join(root, "cli", "dist");
const OWN = /[\\/](?:kernel|controller|hooks|cli)[\\/]dist[\\/].*\.js$/;

/** A module in the bundle finds what lies beside its own file: its URL is that of the file it was. */
const places = {
  name: "places",
  setup(hooks) {
    hooks.onLoad({ filter: OWN }, ({ path }) => ({ contents: readFileSync(path, "utf8").replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href)), loader: "js" }));
  },
};

const target = join(dist, "bundle");
const parts = ["kernel", "controller", "hooks", "cli"].map((name) => join(root, name, "dist", ".tsbuildinfo"));
const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
if (modified(join(target, "main.js")) < Math.max(...parts.map(modified))) {
  const before = existsSync(target) ? readdirSync(target) : [];
  const require = `import{createRequire as requireFrom}from"node:module";const require=requireFrom(${JSON.stringify(pathToFileURL(join(dist, "main.js")).href)});`;
  const { metafile } = await build({
    entryPoints: [join(dist, "main.js")], bundle: true, splitting: true, platform: "node", format: "esm", target: "node20.19", outdir: target,
    // What is large and seldom needed, or brings a program of its own, is loaded from where it is installed.
    external: ["esbuild", "octokit", "yargs", "@jitl/*"], banner: { js: require }, plugins: [places], logLevel: "error", metafile: true,
  });
  const made = new Set(Object.keys(metafile.outputs).map((path) => path.split("/").at(-1)));
  for (const name of before) if (!made.has(name)) rmSync(join(target, name), { force: true });
}
