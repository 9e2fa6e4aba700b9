// The words before any command: help, version, and what reading them must not cost.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { COMMANDS, leavesOf, wordOf } from "./commands.ts";
import { AOS, aosProcess, temporaryFolder } from "./testing/aos.ts";

/** Prints the name of every module that is resolved. */
const WATCH = `data:text/javascript,${encodeURIComponent(`
import { register } from "node:module";
register("data:text/javascript," + encodeURIComponent(\`
import { writeSync } from "node:fs";
export async function resolve(name, context, next) { const found = await next(name, context); writeSync(2, "loads " + found.url + "\\\\n"); return found; }
\`));
`)}`;

test("aos --help: lists every command, and loads neither kernel nor controller", async (t) => {
  const cwd = await temporaryFolder(t);
  // File by file: in one piece, the same imports decide what is run.
  const program = `import { main } from ${JSON.stringify(new URL("./main.js", import.meta.url).href)}; await main(["--help"]);`;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ["--import", WATCH, "--input-type=module", "--eval", program], { cwd });
  for (const entry of COMMANDS) assert.ok(stdout.includes(`aos ${"usage" in entry ? entry.usage : entry.name}`), stdout);
  assert.match(stderr, /^loads .*\/yargs\//m, "the watch sees what is loaded");
  assert.doesNotMatch(stderr, /^loads .*\/(?:kernel|controller|esbuild)\//m);
});

test("aos COMMAND --help: every command has help of its own, with exit code 0", async (t) => {
  const cwd = await temporaryFolder(t);
  const words = leavesOf().map(({ path, leaf }) => [...path, wordOf(leaf)]);
  assert.ok(words.length > 20);
  const helps = await Promise.all([["init"], ["event", "send"], ["review"], ["journal", "tail"]].map((command) => aosProcess([...command, "--help"], { cwd })));
  for (const { code, stdout } of helps) assert.deepEqual([code, /^aos \S+/.test(stdout), stdout.includes("--json")], [0, true, true]);
  const loaded = await Promise.all(leavesOf().map(({ leaf }) => leaf.load()));
  for (const { default: command } of loaded) {
    for (const [name, field] of Object.entries({ ...command.positionals, ...command.options })) assert.ok(field.describe !== undefined, `${name} is described`);
  }
});

test("aos --version: the package's version", async (t) => {
  const { code, stdout } = await aosProcess(["--version"], { cwd: await temporaryFolder(t) });
  assert.deepEqual([code, /^\d+\.\d+\.\d+\n$/.test(stdout)], [0, true]);
});

test("aos: nobody reads the output: it ends in silence", async (t) => {
  const cwd = await temporaryFolder(t);
  const child = spawn(process.execPath, [AOS, "--help"], { cwd, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  let told = "";
  child.stderr.on("data", (chunk: Buffer) => (told += chunk.toString("utf8")));
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.deepEqual([code, told], [0, ""]);
});

test("AOS_DEBUG=1: shows where an error comes from; without it nobody sees a stack", async (t) => {
  const cwd = await temporaryFolder(t);
  const plain = await aosProcess(["check", "-w", join(cwd, "none")], { cwd });
  const debug = await aosProcess(["check", "-w", join(cwd, "none")], { cwd, env: { AOS_DEBUG: "1" } });
  assert.doesNotMatch(plain.stderr, /^\s+at /m);
  assert.match(debug.stderr, /^\s+at /m);
});
