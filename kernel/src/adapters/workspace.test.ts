import assert from "node:assert/strict";
import { test } from "node:test";
import { BUILTIN_EFFECTS, BUILTIN_SCHEMAS } from "../air/catalog.ts";
import { canonical, decode } from "../air/cbor.ts";
import { hashBytes, utf8 } from "../air/hash.ts";
import { normalizerFor } from "../air/normalize.ts";
import type { Encodable, Hash, Value } from "../air/value.ts";
import { trieSet } from "../core/trie.ts";
import { blankWorld, cellKey, type World } from "../core/world.ts";
import type { Adapter, AdapterCall } from "../ports.ts";
import { fieldOf } from "../testing/fetch-world.ts";
import { TEST_WORLD_ID } from "../testing/test-world.ts";
import { changeTree, EMPTY_TREE_HASH, writeFile, type FileEdit } from "../workspace/trees.ts";
import { memoryBlobs } from "./blobs/memory.ts";
import { introspectAdapter } from "./introspect.ts";
import { workspaceAdapter, WORKSPACE_LIMITS } from "./workspace.ts";

const BLANK = blankWorld(TEST_WORLD_ID, "test-1");
const { signal } = new AbortController();

function callOf(effect: string, params: Encodable, abort: AbortSignal = signal): AdapterCall {
  const schema = BUILTIN_EFFECTS.get(effect)?.params_schema ?? "";
  const bytes = canonical(normalizerFor(BUILTIN_SCHEMAS, schema)(decode(canonical(params))));
  return { intentHash: TEST_WORLD_ID, effect, params: bytes, idempotencyKey: new Uint8Array(32), capParams: canonical(null), deadlineMs: 1_000, signal: abort };
}

/** The payload as its receipt schema has it, or the code of the error. */
async function ask(adapter: Adapter, effect: string, params: Encodable): Promise<Value> {
  const result = await adapter.run(callOf(effect, params));
  const payload = decode(result.payload);
  if (result.status !== "ok") {
    assert.equal(payload, null);
    return result.code ?? "no code";
  }
  assert.equal(result.costCents, 0);
  return normalizerFor(BUILTIN_SCHEMAS, BUILTIN_EFFECTS.get(effect)?.receipt_schema ?? "")(payload);
}

function onTrees(world: World = BLANK): { readonly adapter: Adapter; readonly blobs: ReturnType<typeof memoryBlobs> } {
  const blobs = memoryBlobs();
  return { blobs, adapter: workspaceAdapter({ blobs, world: () => world }) };
}

test("workspace adapter: the effects of the catalog, each may be sent again", () => {
  const { adapter } = onTrees();
  const kinds = [...BUILTIN_EFFECTS.values()].filter(({ cap_type }) => cap_type === "workspace").map(({ effect }) => effect);
  assert.deepEqual([...adapter.effects].sort(), kinds.sort());
  assert.equal(kinds.length, 10);
  for (const kind of kinds) assert.equal(adapter.resend(callOf("workspace.empty_root", { workspace: kind })), "again");
  const queries = [...BUILTIN_EFFECTS.values()].filter(({ cap_type }) => cap_type === "query").map(({ effect }) => effect);
  assert.deepEqual([...introspectAdapter({ world: () => BLANK }).effects].sort(), queries.sort());
});

test("workspace adapter: trees by the vectors: roots, blobs, annotations; asked twice, answered alike", async () => {
  const { adapter, blobs } = onTrees();
  const rows: readonly (readonly [effect: string, params: Encodable, field: string, hash: string])[] = [
    ["empty_root", { workspace: "dev" }, "root_hash", EMPTY_TREE_HASH],
    ["write_bytes", { root_hash: EMPTY_TREE_HASH, path: "README.md", bytes: utf8("hello\n"), mode: 0o644 }, "new_root_hash", "sha256:0575753fe2f94be595f6c8b748c8d1138c5325dbb09605e2376ef329d5b632d6"],
    ["write_bytes", { root_hash: EMPTY_TREE_HASH, path: "src/lib.rs", bytes: utf8("hi") }, "new_root_hash", "sha256:d500b6e573e66f3dc9d1ab1cda65b1f8d6db4cbd1e986b4e4d8584968a433f9d"],
    ["write_bytes", { root_hash: EMPTY_TREE_HASH, path: "src/lib.rs", bytes: utf8("hi") }, "blob_hash", hashBytes(utf8("hi"))],
    ["read_ref", { root_hash: "sha256:d500b6e573e66f3dc9d1ab1cda65b1f8d6db4cbd1e986b4e4d8584968a433f9d", path: "src" }, "hash", "sha256:55b5738ac055683db15b9b0589eddc6d3d076617076ef368050fdacc39383e44"],
    ["annotations_set", { root_hash: "sha256:D500B6E573E66F3DC9D1AB1CDA65B1F8D6DB4CBD1E986B4E4D8584968A433F9D", path: "src", annotations_patch: { k: EMPTY_TREE_HASH } }, "new_root_hash", "sha256:584fe01c326c4ee7cfb75f82fadff9ddc39fd97be083e13481581500b483244e"],
  ];
  for (const again of [0, 1]) {
    for (const [effect, params, field, hash] of rows) assert.equal(fieldOf(await ask(adapter, `workspace.${effect}`, params), field), hash, `${effect} ${again}`);
  }
  assert.equal(rows.length, 6);
  assert.ok((await blobs.get(EMPTY_TREE_HASH)) !== undefined, "the empty root is there to be read");
});

test("workspace adapter: reads: absent is null, a range is half open, bytes are bytes", async () => {
  const { adapter, blobs } = onTrees();
  const { root } = await writeFile(blobs, EMPTY_TREE_HASH, { path: "a/b", bytes: utf8("0123456789"), mode: 0o755 });
  const rows: readonly (readonly [effect: string, params: Encodable, answer: unknown])[] = [
    ["read_ref", { root_hash: root, path: "a/x" }, null],
    ["read_ref", { root_hash: root, path: "a/b" }, new Map<string, Value>([["hash", hashBytes(utf8("0123456789"))], ["kind", "file"], ["mode", 0o755], ["size", 10]])],
    ["read_bytes", { root_hash: root, path: "a/b" }, utf8("0123456789")],
    ["read_bytes", { root_hash: root, path: "a/b", range: { start: 2, end: 5 } }, utf8("234")],
    ["read_bytes", { root_hash: root, path: "a/b", range: { start: 10, end: 10 } }, new Uint8Array(0)],
    ["read_bytes", { root_hash: root, path: "a/b", range: { start: 5, end: 2 } }, "tree.range"],
    ["read_bytes", { root_hash: root, path: "a/b", range: { start: 0, end: 11 } }, "tree.range"],
    ["read_bytes", { root_hash: root, path: "a/b", range: { start: 2n ** 63n, end: 2n ** 63n } }, "tree.range"],
    ["read_bytes", { root_hash: root, path: "a" }, "tree.not_file"],
    ["annotations_get", { root_hash: root, path: "a" }, new Map([["annotations", null]])],
    ["annotations_get", { root_hash: root, path: "x" }, "tree.not_found"],
  ];
  for (const [effect, params, answer] of rows) {
    const got = await ask(adapter, `workspace.${effect}`, params);
    assert.deepEqual(got instanceof Map ? new Map([...got].sort()) : got, answer, effect);
  }
  assert.equal(rows.length, 11);
});

test("workspace adapter: params that no tree has: refused by the code of the rule", async () => {
  const { adapter } = onTrees();
  const at = { root_hash: EMPTY_TREE_HASH };
  const rows: readonly (readonly [effect: string, params: Encodable, code: string])[] = [
    ["resolve", { workspace: ".." }, "tree.workspace_name"],
    ["read_ref", { ...at, path: "/a" }, "tree.path"],
    ["read_ref", { root_hash: "nothing", path: "a" }, "air.hash"],
    ["write_bytes", { ...at, path: "a", bytes: utf8(""), mode: 0o777 }, "tree.mode"],
    ["write_bytes", { ...at, path: "a", bytes: utf8(""), mode: 2n ** 60n }, "tree.mode"],
    ["list", { ...at, scope: "all", limit: 0 }, "effect.params"],
    ["list", { ...at, path: "a", limit: 0 }, "tree.not_found"],
    ["diff", { root_a: EMPTY_TREE_HASH, root_b: EMPTY_TREE_HASH, prefix: "a" }, "tree.not_found"],
    ["annotations_set", { ...at, annotations_patch: { k: "nothing" } }, "air.hash"],
    ["remove", { ...at, path: "a" }, "tree.not_found"],
  ];
  for (const [effect, params, code] of rows) assert.equal(await ask(adapter, `workspace.${effect}`, params), code, effect);
  assert.equal(rows.length, 10);
  const result = await adapter.run({ ...callOf("workspace.resolve", { workspace: "a" }), params: canonical({ workspace: 7 }) });
  assert.equal(result.code, "effect.params");
});

test("workspace adapter: a listing in pages: each path once, in order; the last page has no cursor", async () => {
  const { adapter, blobs } = onTrees();
  const edits = new Map<string, FileEdit>();
  for (let dir = 0; dir < 9; dir++) for (let file = 0; file < 7; file++) edits.set(`d${dir}/f${file}`, { hash: EMPTY_TREE_HASH, size: 1 });
  const root = await changeTree(blobs, EMPTY_TREE_HASH, edits);
  const paths: Value[] = [];
  let cursor: Value = null;
  let pages = 0;
  do {
    const page = await ask(adapter, "workspace.list", { root_hash: root, scope: "subtree", cursor, limit: 9 });
    paths.push(...(fieldOf(page, "entries") as readonly Value[]).map((entry) => fieldOf(entry, "path") ?? null));
    cursor = fieldOf(page, "next_cursor") ?? null;
    pages++;
  } while (cursor !== null);
  assert.equal(pages, 8);
  assert.equal(new Set(paths).size, 72);
  assert.deepEqual(paths, [...paths].sort());
  const dir = await ask(adapter, "workspace.list", { root_hash: root, limit: 0 });
  assert.equal((fieldOf(dir, "entries") as readonly Value[]).length, 9);
});

test("workspace adapter: more than a receipt may hold: refused, and a part of it is not", async () => {
  const { adapter, blobs } = onTrees();
  const edits = new Map<string, FileEdit>([["big", { hash: await blobs.put(new Uint8Array(WORKSPACE_LIMITS.readBytes + 1)), size: WORKSPACE_LIMITS.readBytes + 1 }]]);
  edits.set("huge", { hash: TEST_WORLD_ID, size: WORKSPACE_LIMITS.fileBytes + 1 });
  for (let file = 0; file < WORKSPACE_LIMITS.entries; file++) edits.set(`many/f${file}`, { hash: EMPTY_TREE_HASH, size: 1 });
  const root = await changeTree(blobs, EMPTY_TREE_HASH, edits);
  const rows: readonly (readonly [effect: string, params: Encodable, answer: string])[] = [
    ["read_bytes", { root_hash: root, path: "big" }, "tree.too_large"],
    ["read_bytes", { root_hash: root, path: "big", range: { start: 0, end: WORKSPACE_LIMITS.readBytes + 1 } }, "tree.too_large"],
    ["read_bytes", { root_hash: root, path: "huge", range: { start: 0, end: 1 } }, "tree.too_large"],
    ["list", { root_hash: root, scope: "subtree", limit: 0 }, "tree.too_large"],
    ["list", { root_hash: root, scope: "subtree", limit: 2n ** 60n }, "tree.too_large"],
    ["diff", { root_a: EMPTY_TREE_HASH, root_b: root }, "tree.too_large"],
  ];
  for (const [effect, params, code] of rows) assert.equal(await ask(adapter, `workspace.${effect}`, params), code, effect);
  assert.equal(rows.length, 6);
  const part = await ask(adapter, "workspace.read_bytes", { root_hash: root, path: "big", range: { start: 1, end: WORKSPACE_LIMITS.readBytes + 1 } });
  assert.equal((part as Uint8Array).length, WORKSPACE_LIMITS.readBytes);
  assert.equal((fieldOf(await ask(adapter, "workspace.list", { root_hash: root, path: "many", limit: 0 }), "entries") as readonly Value[]).length, WORKSPACE_LIMITS.entries);
  assert.equal((fieldOf(await ask(adapter, "workspace.diff", { root_a: EMPTY_TREE_HASH, root_b: root, prefix: "big" }), "changes") as readonly Value[]).length, 1);
});

test("workspace adapter: a comparison: a mode alone is no change, an annotation is", async () => {
  const { adapter, blobs } = onTrees();
  const { root } = await writeFile(blobs, EMPTY_TREE_HASH, { path: "a", bytes: utf8("x") });
  const { root: runnable } = await writeFile(blobs, root, { path: "a", bytes: utf8("x"), mode: 0o755 });
  const noted = fieldOf(await ask(adapter, "workspace.annotations_set", { root_hash: root, path: "a", annotations_patch: { k: root } }), "new_root_hash");
  const changes = async (to: Value): Promise<Value> => fieldOf(await ask(adapter, "workspace.diff", { root_a: root, root_b: to }), "changes") ?? null;
  assert.deepEqual(await changes(runnable), []);
  const hash = hashBytes(utf8("x"));
  assert.deepEqual(await changes(noted ?? null), [new Map([["path", "a"], ["kind", "file"], ["old_hash", hash], ["new_hash", hash]])]);
});

test("workspace adapter: a call cut off: stops between two entries", async () => {
  const { adapter, blobs } = onTrees();
  const { root } = await writeFile(blobs, EMPTY_TREE_HASH, { path: "a", bytes: utf8("x") });
  const ways: readonly (readonly [effect: string, params: Encodable])[] = [["list", { root_hash: root, limit: 0 }], ["diff", { root_a: EMPTY_TREE_HASH, root_b: root }]];
  for (const [effect, params] of ways) {
    await assert.rejects(adapter.run(callOf(`workspace.${effect}`, params, AbortSignal.abort())), { name: "AbortError" });
    assert.notEqual(typeof (await ask(adapter, `workspace.${effect}`, params)), "string");
  }
  assert.equal(ways.length, 2);
});

// --- introspect

function worldOf(cells: number): World {
  let world = { ...BLANK, nextSeq: 7, control: { manifestHash: TEST_WORLD_ID } as NonNullable<World["control"]> };
  for (let index = 0; index < cells; index++) {
    const key = canonical(index);
    const state = canonical({ index });
    world = { ...world, cells: trieSet(world.cells, cellKey("demo/Many@1", key), { reducer: "demo/Many@1", key, state, hash: hashBytes(state) }) };
  }
  const state = canonical(1);
  return { ...world, cells: trieSet(world.cells, "demo/One@1", { reducer: "demo/One@1", key: undefined, state, hash: hashBytes(state) }) };
}

test("introspect adapter: cells: sorted by key, of this reducer alone, and no more than a receipt may hold", async () => {
  const adapter = introspectAdapter({ world: () => worldOf(300) });
  const cells = fieldOf(await ask(adapter, "introspect.list_cells", { reducer: "demo/Many@1" }), "cells") as readonly Value[];
  const sizes: readonly [number, number] = [canonical(0).length, canonical(299).length];
  assert.ok(sizes[0] < sizes[1], "keys of several lengths");
  assert.deepEqual(cells.map((cell) => decode(fieldOf(cell, "key") as Uint8Array)), Array.from({ length: 300 }, (_, index) => index));
  const one = fieldOf(await ask(adapter, "introspect.list_cells", { reducer: "demo/One@1" }), "cells") as readonly Value[];
  assert.deepEqual(one.map((cell) => fieldOf(cell, "key")), [new Uint8Array(0)]);
  assert.deepEqual(fieldOf(await ask(adapter, "introspect.list_cells", { reducer: "demo/None@1" }), "cells"), []);
  assert.equal(await ask(introspectAdapter({ world: () => worldOf(10_001) }), "introspect.list_cells", { reducer: "demo/Many@1" }), "introspect.too_large");
});

test("introspect adapter: consistency: the head, or a clear no", async () => {
  const adapter = introspectAdapter({ world: () => worldOf(1) });
  const rows: readonly (readonly [consistency: string, answer: string])[] = [
    ["head", "ok"], ["Head ", "ok"], ["exact:7", "ok"], ["EXACT: 7", "ok"], ["exact:6", "introspect.height"], ["exact:8", "introspect.height"],
    ["at_least:0", "ok"], ["at_least:7", "ok"], ["At_Least:8", "introspect.height"], ["at_least:18446744073709551616", "introspect.height"],
    ["", "introspect.consistency"], ["exact", "introspect.consistency"], ["exact:-1", "introspect.consistency"], ["latest", "introspect.consistency"],
  ];
  for (const [consistency, answer] of rows) {
    const got = await ask(adapter, "introspect.reducer_state", { reducer: "demo/One@1", consistency });
    assert.equal(typeof got === "string" ? got : "ok", answer, consistency);
    if (typeof got !== "string") assert.deepEqual(fieldOf(got, "state"), canonical(1));
  }
  assert.equal(rows.length, 14);
});

test("introspect adapter: a world without a control plane: said so", async () => {
  const adapter = introspectAdapter({ world: () => BLANK });
  assert.equal(await ask(adapter, "introspect.journal_head", {}), "world.empty");
  assert.equal(await ask(adapter, "introspect.manifest", { consistency: "head" }), "world.empty");
});

test("workspace adapter: resolve: of a cell written by any runtime", async () => {
  const meta = { root_hash: EMPTY_TREE_HASH, owner: "ann", created_at: 1 };
  const state = canonical({ latest: 2n ** 60n, versions: new Map<Value, Encodable>([[3, meta], [2n ** 60n, meta]]) });
  const key = canonical("dev");
  const cell = { reducer: "sys/Workspace@1", key, state, hash: hashBytes(state) as Hash };
  const { adapter } = onTrees({ ...BLANK, cells: trieSet(BLANK.cells, cellKey("sys/Workspace@1", key), cell) });
  const versions: readonly (readonly [asked: number | bigint | null, found: Value])[] = [[null, 2n ** 60n], [3, 3], [2n ** 60n, 2n ** 60n], [1, null]];
  for (const [version, found] of versions) {
    const got = await ask(adapter, "workspace.resolve", { workspace: "dev", version });
    assert.deepEqual([fieldOf(got, "exists"), fieldOf(got, "resolved_version")], [found !== null, found]);
  }
  assert.equal(versions.length, 4);
});
