// Starts the built program: in one piece where that is no older than its parts, else file by file.
// CommonJS, as the program in one piece: Node is ready for it sooner.
"use strict";
const { readFileSync, statSync } = require("node:fs");
const { createRequire } = require("node:module");
const { join } = require("node:path");
const { pathToFileURL } = require("node:url");
const { Script } = require("node:vm");

const PARTS = ["kernel", "controller", "hooks", "cli"];
/** Where the program in one piece is. */
const PLACE = join(__dirname, "..", "dist", "bundle", "program.js");

/**
 * The program in one piece.
 *
 * @returns what runs `aos`, a hook, and what signs for git, by their words; undefined where there is none, or one that is older than a part
 */
function whole() {
  const made = modified(PLACE);
  if (made === 0 || PARTS.some((name) => modified(join(__dirname, "..", "..", name, "dist", ".tsbuildinfo")) > made)) return undefined;
  return run(compile(PLACE));
}

/**
 * Loads a file of `cli/dist`; says what to do and ends where nothing is built yet.
 *
 * @returns what it exports
 */
async function built(name) {
  const file = join(__dirname, "..", "dist", name);
  if (modified(file) === 0) {
    console.error(`error: ${file}: AgentOS is not built\nhint: npm ci && npm run build, in ${join(__dirname, "..", "..")}`);
    process.exit(1);
  }
  return import(pathToFileURL(file).href);
}

/**
 * @param file - the program's text; its first line names what V8 has made of it, `// <name>`: a file beside
 */
function compile(file) {
  const text = readFileSync(file, "latin1");
  const cachedData = read(join(file, "..", `${text.slice("// ".length, text.indexOf("\n"))}.cache`));
  // Where another V8 made it, or one with other flags, it is refused, and all is compiled as usual.
  return new Script(text, { filename: PLACE, ...(cachedData && { cachedData }) });
}

/** @returns what the program exports */
function run(script) {
  const module = { exports: {} };
  const base = pathToFileURL(PLACE);
  script.runInThisContext()(module, createRequire(PLACE), (path) => new URL(path, base).href, (name) => import(name));
  return module.exports;
}

function modified(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function read(file) {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

module.exports = { PARTS, PLACE, whole, built, compile, run };
