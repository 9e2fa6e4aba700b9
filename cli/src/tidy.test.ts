import { test } from "node:test";
import assert from "node:assert/strict";
import { badArrows, valueCycles } from "./tidy/arrows.ts";
import { disabledTests, impurities, INVARIANTS, isPure, LINES_MAX, longFiles, machinePaths, missingInvariants, misread } from "./tidy/rules.ts";
import { isTest, readSources, source, type Source } from "./tidy/source.ts";

const PACKAGES = ["kernel", "controller", "hooks", "cli", "bench"];
const sources = readSources([...PACKAGES.map((name) => `${name}/src`), "cli/bin", "cli/scripts"]);
const PURE_FILE = "kernel/src/core/bad.ts";

type Check = (sources: readonly Source[]) => readonly string[];

/** Files as `path: text`. */
function files(texts: Readonly<Record<string, string>>): readonly Source[] {
  return Object.entries(texts).map(([path, text]) => source(path, text));
}

test("tidy: sources: every package is looked at, tests and others", () => {
  assert.equal(PACKAGES.length, 5);
  for (const name of PACKAGES) assert.ok(sources.some(({ path }) => path.startsWith(`${name}/src/`)), `${name} has sources`);
  assert.ok(sources.filter(({ path }) => isPure(path)).length >= 50, "there are pure files to look at");
  assert.ok(sources.filter(({ path }) => isTest(path)).length >= 50, "there are tests to look at");
  assert.ok(sources.reduce((sum, { imports }) => sum + imports.length, 0) >= 1000, "imports are found");
});

const rules: readonly { readonly name: string; readonly check: Check }[] = [
  { name: "imports follow the arrows of the architecture", check: badArrows },
  { name: "no package has a cycle of value imports", check: valueCycles },
  { name: "kernel/src/air and kernel/src/core name nothing ambient (I8)", check: impurities },
  { name: "every invariant is held by a source and tried by a test", check: missingInvariants },
  { name: "no file is too long", check: longFiles },
  { name: "no file names a path of one machine", check: machinePaths },
  { name: "no test is switched off", check: disabledTests },
  { name: "every file is read as code, comments and literals", check: misread },
];
for (const { name, check } of rules) {
  test(`tidy: ${name}`, () => {
    assert.notEqual(sources.length, 0);
    assert.deepEqual(check(sources), []);
  });
}

const home = `/${"home"}/ann`;
/** Small bad files, and the words their one finding must hold. No rule can pass by looking at nothing. */
const bad: readonly { readonly check: Check; readonly text: string; readonly path?: string; readonly finding: RegExp }[] = [
  { check: badArrows, text: `import { step } from "../core/step.ts";`, path: "kernel/src/air/bad.ts", finding: /bad\.ts:1: air imports a value of "\.\.\/core\/step\.ts"/ },
  { check: badArrows, text: `import { createHash } from "node:crypto";`, path: "kernel/src/air/bad.ts", finding: /"node:crypto"/ },
  { check: badArrows, text: `import type { Blobs } from "../ports.ts";\nimport { Blobs as B } from "../ports.ts";`, finding: /bad\.ts:2: core imports a value/ },
  { check: badArrows, text: `import { x } from "@agentos/kernel/dist/host.js";`, path: "controller/src/bad.ts", finding: /kernel\/dist/ },
  { check: badArrows, text: `export {\n  x,\n} from "../../kernel/src/host.ts";`, path: "hooks/src/bad.test.ts", finding: /bad\.test\.ts:3: hooks/ },
  { check: badArrows, text: `const x = await import("@agentos/controller");`, path: "kernel/src/host.ts", finding: /host imports a value of "@agentos\/controller"/ },
  { check: impurities, text: `import { x } from 'node:fs';`, finding: /node:fs: pure code imports nothing of Node/ },
  { check: impurities, text: "function f(): Promise<void> {}", finding: /Promise; return the effect/ },
  { check: impurities, text: "const f = async () => 1;", finding: /async/ },
  { check: impurities, text: "for await (const x of y) {}", finding: /await/ },
  { check: impurities, text: "const now = new Date();", finding: /Date; take `now_ns`/ },
  { check: impurities, text: "const t = performance.now();", finding: /performance/ },
  { check: impurities, text: "queueMicrotask(f);", finding: /a timer/ },
  { check: impurities, text: "setTimeout(f, 1);", finding: /a timer/ },
  { check: impurities, text: "const r = Math.random();", finding: /Math\.random; derive it from the stamp's entropy/ },
  { check: impurities, text: "crypto.randomUUID();", finding: /crypto/ },
  { check: impurities, text: "const y = Math.sin(x);", finding: /each engine chooses; use integers/ },
  { check: impurities, text: "if (process.env.X) f();", finding: /process/ },
  { check: impurities, text: "globalThis.x = 1;", finding: /globalThis/ },
  { check: impurities, text: "Buffer.from(x);", finding: /Buffer; use Uint8Array/ },
  { check: impurities, text: "fetch(url);", finding: /fetch/ },
  { check: impurities, text: "const s = `${console.log(x)}`;", finding: /console/ },
  { check: impurities, text: "new Intl.Collator();", finding: /Intl/ },
  { check: impurities, text: "a.toLocaleUpperCase();", finding: /a locale/ },
  { check: impurities, text: "a.localeCompare(b);", finding: /a locale; sort\(compareText\)/ },
  { check: impurities, text: "list.sort();", finding: /a default sort; sort\(compareText\) or sort\(compareBytes\); for numbers/ },
  { check: impurities, text: "[...list].toSorted( );", finding: /a default sort/ },
  { check: impurities, text: "new WeakRef(x);", finding: /garbage collection/ },
  { check: impurities, text: "const s = error.stack;", finding: /a stack trace/ },
  { check: impurities, text: `new Function("return 1");`, finding: /code made at run time/ },
  { check: impurities, text: "const here = import.meta.url;", finding: /code made at run time/ },
  { check: longFiles, text: "x;\n".repeat(LINES_MAX + 1), finding: /501 lines/ },
  { check: machinePaths, text: `// see ${home}/notes`, finding: /bad\.ts:1: an absolute path of one machine/ },
  { check: machinePaths, text: `const dir = "/${"work"}/tree";`, finding: /absolute path/ },
  { check: machinePaths, text: `const dir = "C:${"\\\\"}ann";`, finding: /absolute path/ },
  { check: disabledTests, text: `test.only("x", f);`, path: "cli/src/bad.test.ts", finding: /runs alone/ },
  { check: disabledTests, text: `test("x", { only: true }, f);`, path: "cli/src/bad.test.ts", finding: /runs alone/ },
  { check: disabledTests, text: `test.skip("x", f);`, path: "cli/src/bad.test.ts", finding: /does not run/ },
  { check: disabledTests, text: `test.todo("x");`, path: "cli/src/bad.test.ts", finding: /does not run/ },
  { check: disabledTests, text: `t.skip("on this machine");`, path: "cli/src/bad.test.ts", finding: /does not run/ },
  { check: disabledTests, text: `test("x", { timeout: 1, skip: "no" }, f);`, path: "cli/src/bad.test.ts", finding: /does not run/ },
  { check: misread, text: "const x = { y: 1 ;", finding: /lost its way/ },
  { check: valueCycles, text: `import { b } from "./bad.ts";`, finding: /core\/bad\.ts → bad\.ts: a cycle of imports/ },
];
for (const { check, text, path = PURE_FILE, finding } of bad) {
  test(`tidy: ${check.name}: ${JSON.stringify(text.slice(0, 60))}: one finding`, () => {
    const found = check(files({ [path]: text }));
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0] ?? "", finding);
  });
}

test("tidy: impurities: the same words in comments, literals, types' members and tests: no finding", () => {
  const text = `// new Date(), Math.random()\n/* process.env */ const a = "console.log(1)"; const b = \`await \${a} fetch(\`; const c = /setTimeout\\(/;
export interface Call { readonly process: string; readonly performance?: number }\nlist.sort((a, b) => a - b); x.fetch(1); y.console;`;
  assert.deepEqual(impurities(files({ [PURE_FILE]: text })), []);
  assert.deepEqual(impurities(files({ "kernel/src/core/bad.test.ts": "new Date();", "kernel/src/host.ts": "new Date();" })), []);
  assert.deepEqual(misread(files({ [PURE_FILE]: text })), []);
});

test("tidy: valueCycles: over three files: one finding that names them; broken by `import type`: none", () => {
  const around = (last: string): readonly Source[] => files({
    "kernel/src/core/a.ts": `import { b } from "./b.ts";`, "kernel/src/core/b.ts": `import { c, type D } from "../air/c.ts";`, "kernel/src/air/c.ts": last,
  });
  assert.deepEqual(valueCycles(around(`import { a } from "../core/a.ts";`)).map((line) => line.split(":")[0]), ["kernel/src/air/c.ts → kernel/src/core/a.ts → kernel/src/core/b.ts → c.ts"]);
  assert.deepEqual(valueCycles(around(`import type { a } from "../core/a.ts";`)), []);
});

test("tidy: valueCycles: `import { type A }` loads the module: a finding", () => {
  assert.equal(valueCycles(files({ [PURE_FILE]: `import { type A } from "./bad.ts";` })).length, 1);
});

test("tidy: missingInvariants: each that no source or no test names is a finding, and so is an unknown one", () => {
  assert.equal(INVARIANTS.length, 9);
  assert.equal(missingInvariants([]).length, 2 * INVARIANTS.length);
  const all = INVARIANTS.join(", ");
  const held = source("kernel/src/a.ts", `assert(x, "holds (${all})");`);
  assert.deepEqual(missingInvariants([held, source("kernel/src/a.test.ts", `// (${all})`)]), []);
  assert.equal(missingInvariants([held]).length, INVARIANTS.length);
  assert.deepEqual(missingInvariants([held, source("kernel/src/a.test.ts", `// (${all}, I10)`)]), ["(I10): there is no such invariant"]);
});

test("tidy: badArrows: what the arrows allow: no finding", () => {
  const allowed = files({
    "kernel/src/core/a.ts": `import type { Blobs } from "../ports.ts";\nimport { canonical } from "../air/cbor.ts";`,
    "kernel/src/core/a.test.ts": `import { test } from "node:test";\nimport { withWorld } from "../testing/test-world.ts";`,
    "controller/src/a.test.ts": `import { withWorld } from "@agentos/kernel/testing";`,
    "hooks/src/a.ts": `import { run } from "@agentos/controller";`,
    "cli/src/a.ts": `import yargs from "yargs";\nimport { x } from "./b.ts";`,
  });
  assert.equal(allowed.length, 5);
  assert.deepEqual(badArrows(allowed), []);
});

test("tidy: badArrows: a file in no layer: a finding", () => {
  assert.match(badArrows(files({ "kernel/lib/a.ts": "" }))[0] ?? "", /belongs to no layer/);
});
