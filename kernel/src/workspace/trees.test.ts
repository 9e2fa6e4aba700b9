import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryBlobs } from "../adapters/blobs/memory.ts";
import { AosError } from "../air/error.ts";
import { hashBytes, utf8 } from "../air/hash.ts";
import { compareText } from "../air/text.ts";
import * as pure from "../air/tree.ts";
import { stagedStore, type TreeStore } from "../air/tree-node.ts";
import type { Hash } from "../air/value.ts";
import type { Blobs } from "../ports.ts";
import { seeded, shuffled, type Random } from "../testing/random-air.ts";
import {
  annotate, annotations, changeTree, diffTrees, EMPTY_TREE_HASH, findPath, readFile, readTree, removePath, walkTree, writeFile, type FileEdit,
  type TreeDifference,
} from "./trees.ts";

/** Blobs that count what is read and written, with a view for the pure operations. */
function countedBlobs(): Blobs & { readonly reads: Hash[]; readonly writes: Hash[]; readonly store: TreeStore } {
  const inner = memoryBlobs();
  const reads: Hash[] = [];
  const writes: Hash[] = [];
  const all = new Map<Hash, Uint8Array>();
  return {
    reads, writes,
    store: stagedStore((hash) => all.get(hash)),
    get(hash) {
      reads.push(hash);
      return inner.get(hash);
    },
    put(bytes) {
      const hash = hashBytes(bytes);
      writes.push(hash);
      all.set(hash, bytes);
      return inner.put(bytes);
    },
  };
}

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function treeOf(blobs: Blobs, files: Readonly<Record<string, string>>, root: Hash = EMPTY_TREE_HASH): Promise<Hash> {
  let at = root;
  for (const [path, text] of Object.entries(files)) at = (await writeFile(blobs, at, { path, bytes: utf8(text) })).root;
  return at;
}

async function refused(act: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(act, (error: unknown) => error instanceof AosError && error.code === code, code);
}

test("trees: vectors: one file, a nested file, annotations of a directory", async () => {
  const blobs = memoryBlobs();
  assert.equal(EMPTY_TREE_HASH, "sha256:580ab27eb77e06a10b71bafaa2259bd3c49dbc47938427eb2990aa35b89221d0");
  assert.equal(await treeOf(blobs, { "README.md": "hello\n" }), "sha256:0575753fe2f94be595f6c8b748c8d1138c5325dbb09605e2376ef329d5b632d6");
  const root = await treeOf(blobs, { "src/lib.rs": "hi" });
  assert.equal(root, "sha256:d500b6e573e66f3dc9d1ab1cda65b1f8d6db4cbd1e986b4e4d8584968a433f9d");
  assert.equal((await findPath(blobs, root, "src"))?.hash, "sha256:55b5738ac055683db15b9b0589eddc6d3d076617076ef368050fdacc39383e44");
  assert.deepEqual(await annotate(blobs, root, { path: "src", patch: new Map([["k", EMPTY_TREE_HASH]]) }), {
    root: "sha256:584fe01c326c4ee7cfb75f82fadff9ddc39fd97be083e13481581500b483244e",
    annotations: "sha256:5e293ef622f2602a8852bc8f21f9f7ff9632f14e4e8aec1d5532d845254b0e9b",
  });
});

test("trees: one store after the other: what a change stores is all its root needs", async () => {
  const blobs = memoryBlobs();
  const root = await treeOf(blobs, { "a/b/c": "one", "a/d": "two", e: "three" });
  const { root: annotated } = await annotate(blobs, root, { path: "a/b/c", patch: new Map([["note", hashBytes(utf8("one"))]]) });
  const gone = await removePath(blobs, annotated, "a/d");
  assert.equal(Buffer.from(await readFile(blobs, gone, { path: "a/b/c" })).toString(), "one");
  assert.equal(Buffer.from(await readFile(blobs, gone, { path: "e", range: { start: 1, end: 4 } })).toString(), "hre");
  assert.deepEqual(await annotations(blobs, gone, "a/b/c"), new Map([["note", hashBytes(utf8("one"))]]));
  assert.equal(await annotations(blobs, gone, "e"), undefined);
  assert.deepEqual((await readTree(blobs, gone)).entries.map(({ name, kind }) => `${name} ${kind}`), ["a dir", "e file"]);
  assert.deepEqual((await all(walkTree(blobs, gone, { scope: "subtree" }))).map(({ path }) => path), ["a", "a/b", "a/b/c", "e"]);
});

test("trees: refusals: the codes of the rules", async () => {
  const blobs = memoryBlobs();
  const root = await treeOf(blobs, { "a/b": "one", c: "two" });
  const lost = hashBytes(utf8("lost"));
  const rows: readonly (readonly [act: () => Promise<unknown>, code: string])[] = [
    [() => readFile(blobs, root, { path: "x" }), "tree.not_found"],
    [() => readFile(blobs, root, { path: "a" }), "tree.not_file"],
    [() => readFile(blobs, root, { path: "c", range: { start: 2, end: 4 } }), "tree.range"],
    [() => readFile(blobs, root, { path: "c", bytesMax: 2 }), "tree.too_large"],
    [() => readFile(blobs, root, { path: "a//b" }), "tree.path"],
    [() => writeFile(blobs, root, { path: "a", bytes: utf8("") }), "tree.is_directory"],
    [() => writeFile(blobs, root, { path: "c/d", bytes: utf8("") }), "tree.not_directory"],
    [() => writeFile(blobs, root, { path: "d", bytes: utf8(""), mode: 0o600 }), "tree.mode"],
    [() => removePath(blobs, root, "x"), "tree.not_found"],
    [() => removePath(blobs, root, "a"), "tree.not_empty"],
    [() => annotations(blobs, root, "x"), "tree.not_found"],
    [() => all(walkTree(blobs, root, { path: "x/y" })), "tree.not_found"],
    [() => all(walkTree(blobs, root, { path: "c" })), "tree.not_directory"],
    [() => all(diffTrees(blobs, { before: root, after: root }, { prefix: "x" })), "tree.not_found"],
    [() => readTree(blobs, lost), "tree.missing"],
    [() => writeFile(blobs, lost, { path: "a", bytes: utf8("") }), "tree.missing"],
    [() => readTree(blobs, hashBytes(utf8("one"))), "tree.node"],
    [() => changeTree(blobs, root, new Map([["x", null]])), "tree.not_found"],
    [() => changeTree(blobs, root, new Map([["a", { hash: lost, size: 1 }]])), "tree.is_directory"],
    [() => changeTree(blobs, root, new Map([["c/d", { hash: lost, size: 1 }]])), "tree.not_directory"],
    [() => changeTree(blobs, root, new Map([["d", { hash: lost, size: 1 }], ["d/e", { hash: lost, size: 1 }]])), "tree.not_directory"],
    [() => changeTree(blobs, root, new Map([["../d", { hash: lost, size: 1 }]])), "tree.path"],
  ];
  for (const [act, code] of rows) await refused(act(), code);
  assert.equal(rows.length, 22);
});

test("trees: many changes at once: a directory replaces a file, a file a directory, modes and annotations are kept", async () => {
  const blobs = memoryBlobs();
  const root = (await annotate(blobs, await treeOf(blobs, { "a/b": "one", c: "two", d: "three" }), { path: "d", patch: new Map([["k", EMPTY_TREE_HASH]]) })).root;
  const file: FileEdit = { hash: await blobs.put(utf8("new")), size: 3 };
  const next = await changeTree(blobs, root, new Map([["a", null], ["c", null], ["c/x/y", { ...file, mode: 0o755 }], ["d", file]]));
  assert.deepEqual((await all(walkTree(blobs, next, { scope: "subtree" }))).map(({ path, kind, mode }) => `${path} ${kind} ${mode.toString(8)}`), ["c dir 755", "c/x dir 755", "c/x/y file 755", "d file 644"]);
  assert.deepEqual(await annotations(blobs, next, "d"), new Map([["k", EMPTY_TREE_HASH]]));
  assert.equal(await changeTree(blobs, root, new Map()), root);
});

// --- cost

test("trees: a page of a long listing: reads the nodes on its way, not the tree", async () => {
  const blobs = countedBlobs();
  const edits = new Map<string, FileEdit>();
  for (let dir = 0; dir < 200; dir++) for (let file = 0; file < 20; file++) edits.set(`d${dir}/f${file}`, { hash: EMPTY_TREE_HASH, size: 1 });
  const root = await changeTree(blobs, EMPTY_TREE_HASH, edits);
  assert.equal(blobs.writes.length, 201, "each node is stored once");
  blobs.reads.length = 0;
  const page: string[] = [];
  for await (const { path } of walkTree(blobs, root, { scope: "subtree", after: "d57/f1" })) {
    page.push(path);
    if (page.length === 10) break;
  }
  assert.deepEqual(page.slice(0, 2), ["d57/f10", "d57/f11"]);
  assert.equal(blobs.reads.length, 2, "the root and the one directory");
  blobs.reads.length = 0;
  const { root: changed } = await writeFile(blobs, root, { path: "d7/f7", bytes: utf8("x") });
  assert.equal(blobs.reads.length, 2);
  blobs.reads.length = 0;
  assert.deepEqual((await all(diffTrees(blobs, { before: root, after: changed }))).map(({ path }) => path), ["d7", "d7/f7"]);
  assert.equal(blobs.reads.length, 4, "both roots and both versions of the directory");
});

// --- properties

const NAMES = ["a", "b", "a-b", "a.b", "a0", "~", "Z", "ab"];

function randomPath(random: Random): string {
  const depth = 1 + random.below(3);
  return Array.from({ length: depth }, () => random.pick(NAMES)).join("/");
}

async function randomTree(blobs: Blobs, random: Random, from: Hash = EMPTY_TREE_HASH): Promise<Hash> {
  let root = from;
  for (let step = 0; step < 12; step++) {
    const path = randomPath(random);
    try {
      const what = random.below(5);
      if (what === 0) root = await removePath(blobs, root, path);
      else if (what === 1) root = (await annotate(blobs, root, { path, patch: new Map([[random.pick(["k", "l"]), random.below(3) === 0 ? null : hashBytes(utf8(path))]]) })).root;
      else root = (await writeFile(blobs, root, { path, bytes: utf8(`${random.below(4)}`), mode: random.pick([0o644, 0o755]) })).root;
    } catch (error) {
      if (!(error instanceof AosError)) throw error;
    }
  }
  return root;
}

/** Does to `root` what a comparison says; directories' annotations are read from the tree it came from. */
async function apply(blobs: Blobs, root: Hash, diff: readonly TreeDifference[], after: Hash): Promise<Hash> {
  let at = root;
  for (const { path, old, now } of [...diff].reverse()) {
    if (old !== undefined && old.kind !== now?.kind) at = await removePath(blobs, at, path);
  }
  for (const { path, now } of diff) {
    if (now?.kind === "file") {
      at = (await writeFile(blobs, at, { path, bytes: await readFile(blobs, after, { path }), mode: now.mode })).root;
    } else if (now?.kind === "dir" && (await findPath(blobs, at, path)) === undefined) {
      at = await removePath(blobs, (await writeFile(blobs, at, { path: `${path}/x`, bytes: utf8("") })).root, `${path}/x`);
    }
  }
  for (const { path, now } of diff) {
    const [want, have] = [await annotations(blobs, after, path).catch(() => undefined), now === undefined ? undefined : await annotations(blobs, at, path)];
    if (now === undefined || want === undefined) continue;
    const patch = new Map<string, Hash | null>([...(have ?? new Map<string, Hash>()).keys()].map((key) => [key, null]));
    for (const [key, hash] of want) patch.set(key, hash);
    at = (await annotate(blobs, at, { path, patch })).root;
  }
  return at;
}

test("trees: random trees: walks and comparisons are those of the pure operations, from every cursor", async () => {
  const random = seeded(11);
  let pages = 0;
  let differences = 0;
  for (let round = 0; round < 60; round++) {
    const blobs = countedBlobs();
    const before = await randomTree(blobs, random);
    const after = await randomTree(blobs, random, before);
    const listed = pure.listTree(blobs.store, before, { scope: "subtree" }).entries;
    assert.deepEqual(await all(walkTree(blobs, before, { scope: "subtree" })), listed);
    assert.deepEqual(await all(walkTree(blobs, before)), pure.listTree(blobs.store, before).entries);
    for (const cursor of [...listed.map(({ path }) => path), randomPath(random), "", "a/", "b0/c", "~~"]) {
      const rest = listed.filter(({ path }) => compareText(path, cursor) > 0);
      assert.deepEqual(await all(walkTree(blobs, before, { scope: "subtree", after: cursor })), rest, cursor);
      pages++;
    }
    const told = (await all(diffTrees(blobs, { before, after }))).map(({ path, old, now }) => [path, (now ?? old)?.kind, old?.hash, now?.hash]);
    const wanted = pure.diffTrees(blobs.store, { before, after }).map(({ path, kind, oldHash, newHash }) => [path, kind, oldHash, newHash]);
    assert.deepEqual(told, wanted);
    differences += told.length;
  }
  assert.ok(pages > 500 && differences > 200, `${pages} pages, ${differences} differences`);
});

test("trees: random trees: what a comparison says, done to the one, gives the other", async () => {
  const random = seeded(12);
  let done = 0;
  for (let round = 0; round < 80; round++) {
    const blobs = memoryBlobs();
    const before = await randomTree(blobs, random);
    // Two trees of one history, and every third time two that have nothing to do with each other.
    const after = await randomTree(blobs, random, round % 3 === 0 ? EMPTY_TREE_HASH : before);
    if (await unsetAnnotations(blobs, before, after)) continue;
    const diff = await all(diffTrees(blobs, { before, after }));
    assert.equal(await apply(blobs, before, diff, after), after, `round ${round}`);
    assert.deepEqual(await all(diffTrees(blobs, { before: after, after })), []);
    done++;
  }
  assert.ok(done > 40, `${done} rounds`);
});

/** Annotations that were never set cannot come back once they were: an empty map stays. Such pairs have no way from one to the other. */
async function unsetAnnotations(blobs: Blobs, before: Hash, after: Hash): Promise<boolean> {
  for await (const { path, old, now } of diffTrees(blobs, { before, after })) {
    if (old?.kind !== now?.kind) continue;
    if ((await annotations(blobs, before, path)) !== undefined && (await annotations(blobs, after, path)) === undefined) return true;
  }
  return false;
}

test("trees: disjoint changes: one root in whatever order, one by one or at once", async () => {
  const random = seeded(13);
  let orders = 0;
  for (let round = 0; round < 30; round++) {
    const blobs = memoryBlobs();
    const base = await treeOf(blobs, { "old/x": "x", "old/y": "y", "old/z": "z", keep: "k" });
    const acts: readonly ((root: Hash) => Promise<Hash>)[] = [
      ...["p/q", "p/r", "p-", "s"].map((path) => async (root: Hash) => (await writeFile(blobs, root, { path, bytes: utf8(path), mode: random.pick([0o644]) })).root),
      (root) => removePath(blobs, root, "old/x"),
      (root) => removePath(blobs, root, "old/z"),
      async (root) => (await annotate(blobs, root, { path: "keep", patch: new Map([["k", EMPTY_TREE_HASH]]) })).root,
      async (root) => (await annotate(blobs, root, { path: "old", patch: new Map([["k", EMPTY_TREE_HASH]]) })).root,
      async (root) => (await annotate(blobs, root, { patch: new Map([["k", EMPTY_TREE_HASH]]) })).root,
    ];
    const roots = new Set<Hash>();
    for (let order = 0; order < 6; order++) {
      let root = base;
      for (const act of shuffled(acts, random)) root = await act(root);
      roots.add(root);
      orders++;
    }
    const edits = ["p/q", "p/r", "p-", "s"].map((path) => [path, { hash: hashBytes(utf8(path)), size: path.length }] as const);
    let root = await changeTree(blobs, base, new Map<string, FileEdit | null>(shuffled([...edits, ["old/x", null], ["old/z", null]], random)));
    for (const path of ["keep", "old", undefined]) root = (await annotate(blobs, root, { ...(path === undefined ? {} : { path }), patch: new Map([["k", EMPTY_TREE_HASH]]) })).root;
    roots.add(root);
    assert.equal(roots.size, 1);
  }
  assert.equal(orders, 180);
});
