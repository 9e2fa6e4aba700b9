// Puts the built program into one file, and beside it what V8 makes of that: most of the time that a command takes to start is
// the reading and compiling of hundreds of small files.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { PARTS, PLACE as file } from "../bin/start.cjs";
import { OUTSIDE, late, sources, width } from "./bundle-plugins.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(file, "..");
const built = (name, path) => join(root, name, "dist", path);
const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** The few commands that are run take seconds on a slow machine. */
const WARM_TIMEOUT_MS = 120_000;
const scripts = ["bundle.mjs", "bundle-plugins.mjs", "warm.mjs"].map((name) => join(import.meta.dirname, name));
const changed = Math.max(...[...PARTS.map((name) => built(name, ".tsbuildinfo")), ...scripts].map(modified));
if (modified(file) < changed) keep(await bundled());

/** The program's text: a function that gives what runs `aos`, what runs a hook, what signs for git, and the sandbox's version; each is loaded when it is called. */
async function bundled() {
  const entry = `export const aos = async (words) => (await import(${JSON.stringify(built("cli", "main.js"))})).main(words);
export const hook = async (words) => (await import(${JSON.stringify(built("hooks", "run.js"))})).runHook(words);
export const sshKeygen = async (words) => (await import(${JSON.stringify(built("cli", "ssh-keygen.js"))})).main(words);
export const sandbox = async () => (await import(${JSON.stringify(built("kernel", "sandbox/version.js"))})).SANDBOX_VERSION;`;
  const indexes = Object.fromEntries(["kernel", "controller", "hooks"].map((name) => [`@agentos/${name}`, built(name, "index.js")]));
  const { outputFiles: [made], metafile } = await build({
    stdin: { contents: entry, resolveDir: root, sourcefile: "entry.js" }, bundle: true, platform: "node", format: "cjs", target: "node20.19", outfile: file, write: false,
    external: OUTSIDE, plugins: [late, width, sources(file, indexes)], logLevel: "warning", metafile: true,
  });
  const missed = Object.values(metafile.outputs).flatMap(({ imports }) => imports).filter(({ path, external }) => external && !isBuiltin(path));
  if (missed.length > 0) throw new Error(`not put into the program: ${missed.map(({ kind, path }) => `${kind} of ${path}`).join(", ")}`);
  // One byte a letter: V8 reads that in half the time. Strings and patterns come with plain letters only, so others are in comments.
  const plain = made.text.replaceAll(/[^\0-\x7f]/g, "?");
  const odd = made.text.split("\n").find((line) => /[^\0-\x7f]/.test(line) && !/^\s*(?:\/\/|\/?\*)/.test(line));
  if (odd !== undefined) throw new Error(`letters that are not plain, outside of a comment: ${odd}`);
  return `(function (module, require, placeOf, importOf) {${plain}})`;
}

/** Puts it in place whole, once it has run: a command that starts meanwhile starts the one before. */
function keep(text) {
  const name = createHash("sha256").update(text).digest("hex").slice(0, 16);
  const [next, cache] = [join(folder, `${name}.${process.pid}.new`), `${name}.cache`];
  mkdirSync(folder, { recursive: true });
  writeFileSync(next, `// ${name}\n${text}`);
  const env = Object.fromEntries(Object.entries(process.env).filter(([variable]) => !/^(?:AOS|GIT)/.test(variable)));
  const { status, stderr } = spawnSync(process.execPath, [scripts.at(-1), next, join(folder, cache)], { stdio: ["ignore", "ignore", "pipe"], env, timeout: WARM_TIMEOUT_MS });
  if (status !== 0) throw new Error(`the program in one piece does not run: ${stderr.toString("utf8")}`);
  // It is as old as what it was made of: a part that was built meanwhile is newer.
  utimesSync(next, new Date(), new Date(Math.ceil(changed) + 1));
  renameSync(next, file);
  const kept = ["program.js", cache];
  for (const other of readdirSync(folder)) if (!kept.includes(other)) rmSync(join(folder, other), { recursive: true, force: true });
}
