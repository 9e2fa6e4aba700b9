// How the built program is put into one piece and started: from where each part comes, and when.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdir, symlink, utimes, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Script } from "node:vm";
import { AOS, temporaryFolder } from "./testing/aos.ts";

interface Program {
  readonly aos: (words: readonly string[]) => unknown;
}
interface Start {
  readonly PLACE: string;
  readonly PARTS: readonly string[];
  whole(): Program | undefined;
  compile(file: string): Script;
}
/** Of esbuild, which makes the bundle. */
type Plugin = object;
type Build = (options: object) => Promise<{ readonly outputFiles: readonly { readonly text: string }[] }>;
interface Plugins {
  sources(target: string, indexes: Readonly<Record<string, string>>): Plugin;
  readonly late: Plugin;
  readonly width: Plugin;
}

const require = createRequire(import.meta.url);
const { build } = require("esbuild") as { readonly build: Build };
const { default: realWidth } = require("string-width") as { readonly default: (text: string) => number };
const START = fileURLToPath(new URL("../bin/start.cjs", import.meta.url));
const plugins = (await import(new URL("../scripts/bundle-plugins.mjs", import.meta.url).href)) as Plugins;

const OLD = new Date("2020-01-01T00:00:00Z");
const NEW = new Date("2020-01-02T00:00:00Z");
const PROGRAM = '(function (module, require, placeOf, importOf) { module.exports = { aos: (words) => [words, placeOf("../x.js"), typeof importOf] }; })';

/** The starter as it is installed, with parts that were built at `OLD`. */
async function installed(t: TestContext): Promise<{ readonly folder: string; readonly start: Start }> {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, "cli", "bin"), { recursive: true });
  await copyFile(START, join(folder, "cli", "bin", "start.cjs"));
  const start = require(join(folder, "cli", "bin", "start.cjs")) as Start;
  for (const part of start.PARTS) {
    await mkdir(join(folder, part, "dist", "bundle"), { recursive: true });
    await dated(join(folder, part, "dist", ".tsbuildinfo"), OLD);
  }
  return { folder, start };
}

async function dated(file: string, date: Date, text = ""): Promise<void> {
  await writeFile(file, text);
  await utimes(file, date, date);
}

test("start: the program in one piece: run where no part is newer, in its own place", async (t) => {
  const { folder, start } = await installed(t);
  assert.equal(start.whole(), undefined, "there is none");
  await dated(start.PLACE, OLD, `// a\n${PROGRAM}`);
  assert.deepEqual(start.whole()?.aos(["x"]), [["x"], new URL("dist/x.js", `file://${folder}/cli/`).href, "function"]);
  let parts = 0;
  for (const part of start.PARTS) {
    await dated(join(folder, part, "dist", ".tsbuildinfo"), NEW);
    assert.equal(start.whole(), undefined, part);
    await dated(join(folder, part, "dist", ".tsbuildinfo"), OLD);
    parts++;
  }
  assert.equal(parts, 4);
  assert.ok(start.whole());
});

test("start: what V8 made of it: taken for that text, refused for anything else, and it runs all the same", async (t) => {
  const { start } = await installed(t);
  const rows: readonly (readonly [what: string, text: string, refused: boolean | undefined])[] = [
    ["another text's name", `// other\n${PROGRAM}`, undefined],
    ["its own", `// name\n${PROGRAM}`, false],
    ["a longer text under its name", `// name\n${PROGRAM} `, true],
  ];
  await writeFile(start.PLACE, rows[1]?.[1] ?? "");
  await writeFile(join(start.PLACE, "..", "name.cache"), start.compile(start.PLACE).createCachedData());
  for (const [what, text, refused] of rows) {
    await dated(start.PLACE, NEW, text);
    assert.equal(start.compile(start.PLACE).cachedDataRejected, refused, what);
    assert.ok(start.whole()?.aos([]), what);
  }
  assert.equal(rows.length, 3);
  await writeFile(join(start.PLACE, "..", "name.cache"), "damaged");
  assert.ok(start.whole()?.aos([]));
});

test("aos: started through a link, as npm installs it: the same program", async (t) => {
  const folder = await temporaryFolder(t);
  await symlink(AOS, join(folder, "aos"));
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, "aos"), "--version"], { cwd: folder });
  assert.equal(stdout, "0.1.0\n");
});

test("start: nothing is built yet: the command says what to do, no trace", async (t) => {
  const { folder } = await installed(t);
  const bin = join(folder, "cli", "bin");
  await writeFile(join(folder, "package.json"), '{"type":"module"}');
  const said = { code: 1, stdout: "", stderr: /^error: .*: AgentOS is not built\nhint: npm ci && npm run build, in .*\n$/ };
  for (const name of ["aos.js", "aos-examples.js"]) {
    await copyFile(fileURLToPath(new URL(`../bin/${name}`, import.meta.url)), join(bin, name));
    await assert.rejects(promisify(execFile)(process.execPath, [join(bin, name)], { cwd: folder }), said, name);
  }
});

/** What a module exports that was put into one piece with these plugins; `asked` collects what it requires of Node, when it does. */
async function bundled(contents: string, options: { readonly folder: string; readonly use: readonly Plugin[]; readonly asked?: string[]; readonly plain?: true }): Promise<Record<string, unknown>> {
  const { outputFiles } = await build({ stdin: { contents, resolveDir: options.folder, sourcefile: "entry.js" }, bundle: true, platform: "node", format: "cjs", write: false, external: ["esbuild"], plugins: [...options.use], logLevel: "silent" });
  if (options.plain === true) assert.match(outputFiles[0]?.text ?? "", /^[\0-\x7f]*$/);
  const module = { exports: {} };
  const ask = (name: string): unknown => {
    options.asked?.push(name);
    return require(name);
  };
  new Function("module", "require", "placeOf", "importOf", outputFiles[0]?.text ?? "")(module, ask, (path: string) => `place:${path}`, (name: string) => `outside:${name}`);
  return module.exports;
}

test("bundle: imports from an index: only the files that are named are run, and what the index opens with", async (t) => {
  const folder = await temporaryFolder(t);
  const files: Readonly<Record<string, string>> = {
    "index.js": 'import "./opening.js";\nexport * from "./a.js";\nexport { b as bee,\n  unused } from "./b.js";\nexport * as all from "./c.js";\n',
    "opening.js": 'globalThis.ran.push("opening");\n',
    "a.js": 'globalThis.ran.push("a");\nexport const a = "A", other = 1;\nexport async function af() {}\n',
    "b.js": 'globalThis.ran.push("b");\nconst b = "B", unused = 0;\nexport { b, unused };\n',
    "c.js": 'globalThis.ran.push("c");\nexport class C {}\nexport const place = import.meta.url;\nexport const outside = () => import("esbuild");\n',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const rows: readonly (readonly [text: string, exported: unknown, ran: readonly string[]])[] = [
    ['import { a } from "@agentos/kernel";\nexport const found = a;', "A", ["opening", "a"]],
    ['import { bee as b } from "@agentos/kernel";\nexport const found = b;', "B", ["opening", "b"]],
    ['import {} from "@agentos/kernel";\nexport const found = 1;', 1, ["opening"]],
    ['import { all } from "@agentos/kernel";\nexport const found = all.place;', "place:c.js", ["opening", "c"]],
    ['import { all } from "@agentos/kernel";\nexport const found = all.outside();', "outside:esbuild", ["opening", "c"]],
    ['export { bee as found } from "@agentos/kernel";', "B", ["opening", "b"]],
    ['async function f() {\n  const { a, all } = await import("@agentos/kernel");\n  return [a, all];\n}\nexport const found = typeof f;', "function", []],
  ];
  const collected = globalThis as { ran?: string[] };
  t.after(() => delete collected.ran);
  const use = [plugins.sources(join(folder, "bundle.js"), { "@agentos/kernel": join(folder, "index.js") })];
  for (const [text, exported, ranThen] of rows) {
    collected.ran = [];
    await writeFile(join(folder, "user.js"), text);
    const { found } = await bundled('export * from "./user.js";', { folder, use });
    assert.deepEqual([found, collected.ran], [exported, ranThen], text);
  }
  assert.equal(rows.length, 7);
  await writeFile(join(folder, "user.js"), 'import { none } from "@agentos/kernel";\nexport { none };');
  await assert.rejects(bundled('export * from "./user.js";', { folder, use }), /@agentos\/kernel exports no none/);
});

test("bundle: raw text: letter for letter what it was, in a file of plain letters", async (t) => {
  const folder = await temporaryFolder(t);
  const text = 'export const raw = String.raw`// …\\n ${1 + 1} \\u2026 \\``;\nexport const cooked = `…\\n`;\n';
  await writeFile(join(folder, "raw.js"), text);
  const { raw, cooked } = await bundled('export * from "./raw.js";', { folder, use: [plugins.sources(join(folder, "bundle.js"), {})], plain: true });
  assert.deepEqual([raw, cooked], ["// …\\n 2 \\u2026 \\`", "…\n"]);
});

test("bundle: parts of Node that are slow to load: loaded when they are first used, once", async (t) => {
  const asked: string[] = [];
  const { use } = await bundled('import { deflateRawSync } from "node:zlib";\nimport assert from "node:assert";\nexport const use = () => [deflateRawSync(new Uint8Array(1)).length, typeof assert.equal, assert(true)];', { folder: await temporaryFolder(t), use: [plugins.late], asked });
  assert.deepEqual(asked, []);
  const call = use as () => unknown;
  assert.deepEqual(call(), [3, "function", undefined]);
  assert.deepEqual(call(), [3, "function", undefined]);
  assert.deepEqual(asked, ["node:zlib", "node:assert"]);
});

test("bundle: the width of text: as the library says", async (t) => {
  const { width } = (await bundled('import width from "string-width";\nexport { width };', { folder: await temporaryFolder(t), use: [plugins.width] })) as { readonly width: typeof realWidth };
  const texts = ["", "plain", "a\tb\nc", "…", "a – b ‘c’ “d”", "\u200b", "\u2028", "é", "e\u0301", "日本", "👩‍👩‍👧", "\u001b[1mbold\u001b[22m", "\u0000", "‼", "\u00ad"];
  for (const text of texts) assert.equal(width(text), realWidth(text), JSON.stringify(text));
  assert.equal(texts.length, 15);
});
