import { test, type TestContext } from "node:test";
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { AosError, hashBytes, utf8 } from "@agentos/kernel";
import { parseOid } from "./git/objects.ts";
import { gitIn, initRepo } from "./git/repo.ts";
import { openStore } from "./git/store.ts";
import { filesOfCommit, filesOfFolder, readSyncMap, type WorldFiles } from "./world-files.ts";
import { artifactPath, loadWorld, requireControl } from "./world-source.ts";

type Files = Readonly<Record<string, string | Uint8Array>>;
const SYNC = '{"version":1,"air":{"dir":"air"}}';
const MANIFEST = '{"$kind":"manifest","air_version":"1","schemas":[],"modules":[],"plans":[],"effects":[],"caps":[],"policies":[]}';

async function folderOf(t: TestContext, files: Files): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "aos-source-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

/** The same files as a folder and as a commit. */
async function bothOf(t: TestContext, files: Files): Promise<readonly WorldFiles[]> {
  return committed(t, await folderOf(t, files));
}

/** A folder as it lies, and all of it as a commit. */
async function committed(t: TestContext, folder: string): Promise<readonly WorldFiles[]> {
  const repo = await initRepo(folder, { kind: "worktree" });
  await gitIn(repo, ["add", "--all"]);
  await gitIn(repo, ["-c", "user.name=x", "-c", "user.email=x@x", "commit", "--quiet", "--message", "x"]);
  const store = openStore(repo.commonDir);
  t.after(() => store.close());
  return [filesOfFolder(folder), filesOfCommit(store, parseOid((await gitIn(repo, ["rev-parse", "HEAD"])).stdout.toString().trim()))];
}

test("world files: a folder and a commit: the same files, sorted, each below the folder asked for", async (t) => {
  const both = await bothOf(t, { "air/b.json": "b", "air/a/c.json": "c", "air/B.json": "B", "airx/no.json": "n", "air.json": "n", "aos.sync.json": SYNC });
  assert.equal(both.length, 2);
  for (const files of both) {
    assert.deepEqual(await files.list("air"), ["air/B.json", "air/a/c.json", "air/b.json"]);
    assert.deepEqual(await files.list("air/a"), ["air/a/c.json"]);
    assert.deepEqual(await files.list("nowhere"), []);
    assert.deepEqual(await files.list("air.json"), []);
    assert.deepEqual(Buffer.from((await files.read("air/a/c.json")) ?? []).toString(), "c");
    for (const path of ["air", "nope", "air/a/c.json/x"]) assert.equal(await files.read(path), undefined, path);
  }
});

test("world files: links and repositories in a world's folders: never listed, and told of in a folder as in a commit", async (t) => {
  const folder = await folderOf(t, { "aos.sync.json": SYNC, "air/m.json": MANIFEST, "outside/secret.json": "{}", "air/own/x.json": "{}" });
  const links = [["air/link", "../outside"], ["air/secret.json", "../outside/secret.json"], ["air/deep/nowhere.json", "gone"], ["modules", "outside"], ["shadow", "outside"], ["air/.#m.json", "me@host.1:2"]] as const;
  await mkdir(join(folder, "air/deep"));
  for (const [path, target] of links) await symlink(target, join(folder, path));
  const own = await initRepo(join(folder, "air/own"), { kind: "worktree" });
  await gitIn(own, ["-c", "user.name=x", "-c", "user.email=x@x", "commit", "--quiet", "--allow-empty", "--message", "x"]);
  const both = await committed(t, folder);
  const told = ["air/deep/nowhere.json", "air/link", "air/own", "air/secret.json", "modules", "shadow"];
  for (const files of both) {
    assert.deepEqual((await files.list("air")).filter((path) => !path.startsWith("air/own/")), ["air/m.json"]);
    assert.deepEqual((await files.passedOver("air")).map(({ path }) => path), told.slice(0, 4), files.place);
    assert.deepEqual(await files.passedOver("modules/demo"), [{ path: "modules", what: "link" }]);
    assert.deepEqual(await files.passedOver("nowhere"), []);
    const { diagnostics } = await loadWorld({ ...files, list: async (path) => (await files.list(path)).filter((one) => !one.startsWith("air/own/") && !one.startsWith("shadow/") && !one.startsWith("modules/")) });
    const errors = diagnostics.filter(({ code }) => code === "world.link");
    assert.deepEqual(errors.map(({ file, severity }) => `${severity} ${file}`), told.map((path) => `error ${path}`));
    assert.match(errors[2]?.message ?? "", /^a repository of its own/);
    assert.match(errors[1]?.message ?? "", /^a symbolic link: links are not followed/);
  }
  assert.equal(both.length, 2);
});

test("sync map: defaults, and everything named", async (t) => {
  const plain = await readSyncMap(filesOfFolder(await folderOf(t, { "aos.sync.json": '{"version":1}' })));
  assert.deepEqual(plain, { airDir: "air", modulesDir: "modules", sources: new Map(), workspaces: [] });
  const full = '{"$schema":"x","version":1,"air":{"dir":"a/b"},"modules":{"dir":"m"},"build":{"modules":{"demo/x@1":"src/x.ts"}},"workspaces":[]}';
  const map = await readSyncMap(filesOfFolder(await folderOf(t, { "aos.sync.json": full })));
  assert.deepEqual(map, { airDir: "a/b", modulesDir: "m", sources: new Map([["demo/x@1", "src/x.ts"]]), workspaces: [] });
  assert.equal(artifactPath(map, "demo/x@1", "js"), "m/demo/x@1.js.cbor");
  assert.equal(artifactPath(map, "demo/x@1", "wasm"), "m/demo/x@1.wasm");
});

test("sync map: wrong: the place and what is wrong", async (t) => {
  const rows: readonly (readonly [string | undefined, string, RegExp])[] = [
    [undefined, "sync.missing", /no aos\.sync\.json, so this is not a world/],
    ["", "json.syntax", /^aos\.sync\.json/], ["[]", "sync.invalid", /the file must be an object/], ["{}", "sync.invalid", /\/version must be 1/], ['{"version":"1"}', "sync.invalid", /\/version must be 1/],
    ['{"version":1,"aire":{}}', "sync.invalid", /\/aire unknown field/], ['{"version":1,"air":[]}', "sync.invalid", /\/air must be an object/], ['{"version":1,"air":{"path":"x"}}', "sync.invalid", /\/air\/path unknown field/],
    ['{"version":1,"air":{"dir":"../x"}}', "sync.invalid", /\/air\/dir must be a relative path inside the world/], ['{"version":1,"air":{"dir":"/x"}}', "sync.invalid", /\/air\/dir/], ['{"version":1,"air":{"dir":""}}', "sync.invalid", /\/air\/dir/],
    ['{"version":1,"air":{"dir":"a/./b"}}', "sync.invalid", /\/air\/dir/], ['{"version":1,"air":{"dir":"a//b"}}', "sync.invalid", /\/air\/dir/], ['{"version":1,"modules":{"dir":7}}', "sync.invalid", /\/modules\/dir/],
    ['{"version":1,"build":{"modules":{"demo/x@1":"../x.ts"}}}', "sync.invalid", /\/build\/modules\/demo~1x@1/],
  ];
  for (const [text, code, says] of rows) {
    const folder = await folderOf(t, text === undefined ? {} : { "aos.sync.json": text });
    await assert.rejects(readSyncMap(filesOfFolder(folder)), (error: unknown) => error instanceof AosError && error.code === code && says.test(error.message), text ?? "none");
  }
  assert.equal(rows.length, 15);
});

test("load world: artifacts: by module name, hashed; twice for one module, or something else there: said or left out", async (t) => {
  const wasm = Uint8Array.of(0, 97, 115, 109);
  const world = await loadWorld(filesOfFolder(await folderOf(t, { "aos.sync.json": SYNC, "air/m.json": MANIFEST, "modules/demo/x@1.wasm": wasm, "modules/readme.md": "x" })));
  assert.deepEqual([...world.artifacts], [[hashBytes(wasm), wasm]].map(([hash, bytes]) => [hash, Buffer.from(bytes as Uint8Array)]));
  const twice = await folderOf(t, { "aos.sync.json": SYNC, "air/m.json": MANIFEST, "modules/demo/x@1.wasm": wasm, "modules/demo/x@1.js.cbor": wasm });
  await assert.rejects(loadWorld(filesOfFolder(twice)), { code: "module.twice", message: /modules\/demo\/x@1\.wasm: demo\/x@1 has a second artifact/ });
});

test("load world: AIR that is wrong: every problem is there, and requireControl tells the first with its place", async (t) => {
  const both = await bothOf(t, { "aos.sync.json": SYNC, "air/m.json": MANIFEST.replace('"plans":[]', '"plans":[{"name":"demo/p@1"}],"extra":1'), "air/not-air.txt": "{" });
  for (const files of both) {
    const loaded = await loadWorld(files);
    assert.equal(loaded.control, undefined);
    const errors = loaded.diagnostics.filter(({ severity }) => severity === "error");
    assert.ok(errors.length >= 1);
    assert.throws(() => requireControl(loaded, files.place), (error: unknown) => error instanceof AosError && error.code === "air.invalid" && /^air\/m\.json:1:\d+: /.test(error.message) && error.at?.line === 1 && error.data["count"] === errors.length);
  }
  const empty = await loadWorld(filesOfFolder(await folderOf(t, { "aos.sync.json": SYNC })));
  assert.throws(() => requireControl(empty, "here"), (error: unknown) => error instanceof AosError && /^(here: no manifest|air)/.test(error.message));
});

test("load world: files that cannot be read as text, or are no JSON: refused, naming the file", async (t) => {
  const bad = await folderOf(t, { "aos.sync.json": SYNC, "air/m.json": Uint8Array.of(0x22, 0xff, 0x22) });
  await assert.rejects(loadWorld(filesOfFolder(bad)), { code: "world.file", message: "air/m.json: not UTF-8" });
  const scenario = await folderOf(t, { "aos.sync.json": SYNC, "air/m.json": MANIFEST, "shadow/s.json": "{" });
  await assert.rejects(loadWorld(filesOfFolder(scenario)), { code: "json.syntax", message: /^shadow\/s\.json/ });
});

test("load world: a valid world: the same control plane from the folder and from the commit", async (t) => {
  const both = await bothOf(t, { "aos.sync.json": SYNC, "air/m.json": MANIFEST });
  const [first, second] = await Promise.all(both.map(async (files) => requireControl(await loadWorld(files), files.place).manifestHash));
  assert.ok(first !== undefined);
  assert.equal(first, second);
  assert.equal(utf8(first).length, 71);
});
