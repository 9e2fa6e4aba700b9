// `npm test [-- name …]`: prepares, then runs the built tests; a name keeps the files whose path holds it.
import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { prepare, root, run } from "./prepare.mjs";

await prepare();
const wanted = process.argv.slice(2);
const files = ["kernel", "controller", "hooks", "cli"]
  .filter((name) => existsSync(join(root, name, "dist")))
  .flatMap((name) => readdirSync(join(root, name, "dist"), { recursive: true }).map((file) => join(root, name, "dist", file)))
  .filter((file) => file.endsWith(".test.js") && wanted.every((word) => relative(root, file).includes(word)))
  .sort();
if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(" ")}`);
  process.exit(2);
}
/** No file takes as long as this on a slow machine: what hangs without a bound of its own is ended, and named. */
const FILE_TIMEOUT_MS = 400_000;
/** Also where output is no terminal: it says what failed, and how, once more at the end. */
const REPORTER = "spec";
const options = ["--test-concurrency=3", `--test-timeout=${FILE_TIMEOUT_MS}`, `--test-reporter=${REPORTER}`];
run(process.execPath, ["--enable-source-maps", "--test", ...options, ...files]);
