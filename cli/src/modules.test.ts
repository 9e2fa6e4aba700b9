import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { bundleReducer } from "@agentos/kernel";
import { checkFolder } from "./check.ts";
import { buildModules, tryModules, writeModules } from "./modules.ts";
import { aos } from "./testing/aos.ts";

const SOURCE = `import { pure } from "@agentos/kernel/sdk";
const table = null as unknown as { rows: number };
export default pure(() => table);
globalThis.rows = table.rows;
`;

test("build: a module that throws while it is loaded: refused with the place in the author's file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "aos-build-"));
  try {
    await mkdir(join(folder, "reducer"));
    await writeFile(join(folder, "reducer/table.ts"), SOURCE);
    await writeFile(join(folder, "aos.sync.json"), JSON.stringify({ version: 1, air: { dir: "air" }, modules: { dir: "modules" }, build: { modules: { "demo/Table@1": "reducer/table.ts" } } }));
    await assert.rejects(buildModules(folder), (error: { code: string; message: string; at?: { file?: string; line?: number } }) => {
      assert.equal(error.code, "module.refused");
      assert.match(error.message, /^reducer\/table\.ts:4:\d+: demo\/Table@1: bundle: it cannot be evaluated: TypeError/);
      assert.deepEqual([error.at?.file, error.at?.line], ["reducer/table.ts", 4]);
      return true;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

const PURE = 'import { pure } from "@agentos/kernel/sdk";\nexport default pure((input) => input);\n';
const REDUCER = 'import { reduce } from "@agentos/kernel/sdk";\nexport default reduce((state) => ({ state }));\n';
/** Names both entries, so that only running it says which is its own. */
const EITHER = 'export default { entry: "step", call: () => ({ other: { entry: "run" } }) };\n';
/** Its entry is named nowhere in the text. */
const HIDDEN = 'const [entry] = "step,".split(",");\nexport default { entry, call: () => ({}) };\n';

const MODULES = ["demo/One@1", "demo/Two@1"] as const;
const AIR = [
  { $kind: "manifest", air_version: "1", schemas: [{ name: "demo/N@1" }], modules: MODULES.map((name) => ({ name })), plans: [], caps: [], policies: [] },
  { $kind: "defschema", name: "demo/N@1", type: { nat: {} } },
  ...MODULES.map((name) => ({ $kind: "defmodule", name, module_kind: "pure", abi: { pure: { input: "demo/N@1", output: "demo/N@1" } } })),
];

/** A world with two pure modules, whose sources these are. */
async function pureWorld(t: TestContext, sources: readonly [string, string], { from }: { readonly from: "sources" | "prebuilt" }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "aos-pure-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const build = from === "prebuilt" ? {} : { build: { modules: { "demo/One@1": "src/one.ts", "demo/Two@1": "src/two.ts" } } };
  const files = { "src/one.ts": sources[0], "src/two.ts": sources[1], "air/all.air.json": JSON.stringify(AIR), "aos.sync.json": JSON.stringify({ version: 1, ...build }) };
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

/** Puts there what the sources give, as a build did before the definitions were changed. */
async function placeArtifacts(folder: string): Promise<void> {
  for (const [name, source] of [["demo/One@1", "src/one.ts"], ["demo/Two@1", "src/two.ts"]] as const) {
    const { artifact } = await bundleReducer({ entry: join(folder, source) });
    await mkdir(join(folder, "modules/demo"), { recursive: true });
    await writeFile(join(folder, `modules/${name}.js.cbor`), artifact);
  }
}

async function errorsOf(folder: string): Promise<readonly string[]> {
  const { diagnostics } = await checkFolder(folder);
  return diagnostics.filter(({ severity, code }) => severity === "error" && code !== "module.unbuilt").map(({ code, file }) => `${code} ${file}`);
}

test("check: sources of another entry than their definitions ask for: each is told, the same whether it was built or not", async (t) => {
  const rows: readonly (readonly [string, readonly [string, string], readonly string[]])[] = [
    ["as defined", [PURE, PURE], []],
    ["one is a reducer", [PURE, REDUCER], ["module.entry src/two.ts"]],
    ["both are, one in other words", [EITHER, HIDDEN], ["module.entry src/one.ts", "module.entry src/two.ts"]],
    ["one is no module, one a reducer", ["export const x = 1;\n", REDUCER], ["build.export src/one.ts", "module.entry src/two.ts"]],
  ];
  for (const [name, sources, expected] of rows) {
    const folder = await pureWorld(t, sources, { from: "sources" });
    assert.deepEqual(await errorsOf(folder), expected, `${name}, not built`);
    if (expected.some((line) => line.startsWith("build."))) continue;
    await placeArtifacts(folder);
    assert.deepEqual(await errorsOf(folder), expected, `${name}, built`);
    assert.equal((await tryModules(folder)).failed.length, expected.length);
    if (expected.length > 0) await assert.rejects(buildModules(folder), { code: "module.entry" }, name);
    else await writeModules(folder, await buildModules(folder));
  }
  assert.equal(rows.length, 4);
});

test("check: a bundle that lies there without a source: of another entry, or one that throws when it is loaded: told at the file", async (t) => {
  const folder = await pureWorld(t, [REDUCER, SOURCE], { from: "prebuilt" });
  await placeArtifacts(folder);
  assert.deepEqual(await errorsOf(folder), ["module.entry modules/demo/One@1.js.cbor", "module.refused modules/demo/Two@1.js.cbor"]);
});

test("check: links among the world's files: an error each, those that say who decides too", async (t) => {
  const folder = await pureWorld(t, [PURE, PURE], { from: "sources" });
  await writeModules(folder, await buildModules(folder));
  assert.deepEqual(await errorsOf(folder), []);
  await writeFile(join(folder, "more.json"), "[]");
  await symlink("../more.json", join(folder, "air/more.air.json"));
  await symlink("src", join(folder, ".aos"));
  assert.deepEqual(await errorsOf(folder), ["world.link .aos", "world.link air/more.air.json"]);
  const { code, stdout, stderr } = await aos(["fmt"], { cwd: folder });
  assert.deepEqual([code, stdout], [0, "air/all.air.json\n"]);
  assert.match(stderr, /^notice: air\/more\.air\.json: left as it is, and no part of the world/);
  const { stdout: explained } = await aos(["explain", "world.link"], { cwd: folder });
  assert.match(explained, /^world\.link {2}A symbolic link/);
});

test("check: sources that the sync map names amiss: a folder, nothing, a module that nobody defined, one that lies there prebuilt: each told with a way out", async (t) => {
  const folder = await pureWorld(t, [PURE, PURE], { from: "sources" });
  await writeModules(folder, await buildModules(folder));
  const rows: readonly (readonly [Readonly<Record<string, string>>, readonly string[]])[] = [
    [{ "demo/One@1": "src", "demo/Two@1": "src/gone.ts" }, ["error build.entry src", "error build.entry src/gone.ts"]],
    [{ "demo/One@1": "src/one.ts", "demo/Twos@1": "src/two.ts" }, ["warning module.undefined aos.sync.json"]],
    [{ "demo/One@1": "src/one.ts", "demo/Two@1": "src/two.ts" }, ["error module.twice modules/demo/Two@1.wasm"]],
  ];
  for (const [modules, expected] of rows) {
    if (expected[0]?.includes("twice") === true) await rename(join(folder, "modules/demo/Two@1.js.cbor"), join(folder, "modules/demo/Two@1.wasm"));
    await writeFile(join(folder, "aos.sync.json"), JSON.stringify({ version: 1, build: { modules } }));
    const { diagnostics } = await checkFolder(folder);
    assert.deepEqual(diagnostics.map(({ severity, code, file }) => `${severity} ${code} ${file}`), expected);
    assert.ok(diagnostics.every(({ hint }) => /correct the path|did you mean `demo\/Two@1`|take src\/two\.ts out of aos\.sync\.json/.test(hint ?? "")));
  }
  assert.equal(rows.length, 3);
  await assert.rejects(buildModules(folder), { code: "module.twice" });
});
