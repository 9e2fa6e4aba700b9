import assert from "node:assert/strict";
import { test } from "node:test";
import { seeded } from "../testing/random-air.ts";
import { canonical } from "./cbor.ts";
import { AosError } from "./error.ts";
import { hashBytes, hex, unhex, utf8 } from "./hash.ts";
import { compareText } from "./text.ts";
import { diffTrees, findEntry, getAnnotations, listTree, readFile, removeEntry, setAnnotations, writeFile } from "./tree.ts";
import { decodeAnnotations, decodeTree, EMPTY_TREE_HASH, encodeTree, isSegment, parsePath, parseWorkspaceName, stagedStore, type Tree } from "./tree-node.ts";
import type { Encodable, Hash } from "./value.ts";

type Store = ReturnType<typeof stagedStore>;
const store = (): Store => stagedStore(() => undefined);
const K = `sha256:${"11".repeat(32)}` as Hash;

/** Files written one after the other. */
function treeOf(into: Store, files: Readonly<Record<string, string>>, root: Hash = EMPTY_TREE_HASH): Hash {
  return Object.entries(files).reduce((at, [path, text]) => writeFile(into, at, { path, bytes: utf8(text) }).root, root);
}

function refused(act: () => unknown, code: string, message: RegExp = /./): void {
  assert.throws(act, (error: unknown) => error instanceof AosError && error.code === code && message.test(error.message), code);
}

test("tree: vectors: empty, one file, a nested file, annotations of a directory", () => {
  assert.equal(hex(encodeTree({ entries: [] })), "d9d9f7a167656e747269657380");
  assert.equal(EMPTY_TREE_HASH, "sha256:580ab27eb77e06a10b71bafaa2259bd3c49dbc47938427eb2990aa35b89221d0");
  const into = store();
  assert.equal(treeOf(into, { "README.md": "hello\n" }), "sha256:0575753fe2f94be595f6c8b748c8d1138c5325dbb09605e2376ef329d5b632d6");
  const root = treeOf(into, { "src/lib.rs": "hi" });
  assert.equal(root, "sha256:d500b6e573e66f3dc9d1ab1cda65b1f8d6db4cbd1e986b4e4d8584968a433f9d");
  assert.equal(findEntry(into, root, "src")?.hash, "sha256:55b5738ac055683db15b9b0589eddc6d3d076617076ef368050fdacc39383e44");
  assert.deepEqual(setAnnotations(into, root, { path: "src", patch: new Map([["k", EMPTY_TREE_HASH]]) }), {
    root: "sha256:584fe01c326c4ee7cfb75f82fadff9ddc39fd97be083e13481581500b483244e",
    annotations: "sha256:5e293ef622f2602a8852bc8f21f9f7ff9632f14e4e8aec1d5532d845254b0e9b",
  });
});

test("tree: vectors: the roots of a seeded workspace, write by write", () => {
  const into = store();
  const writes: readonly (readonly [string, string, RegExp])[] = [
    ["seed/alpha.txt", "seed marker\n", /^sha256:66694011[0-9a-f]{52}57da$/],
    ["README.txt", "seeded by plan\n", /^sha256:e3c7c4e4[0-9a-f]{52}4a2e$/],
    ["data.json", '{"demo":true,"items":[1,2,3]}\n', /^sha256:3e759599[0-9a-f]{52}6cb4$/],
    ["README.txt", "updated by plan\n", /^sha256:61cfa3e2[0-9a-f]{52}eb88$/],
  ];
  let root = EMPTY_TREE_HASH;
  let seeded: Hash | undefined;
  let count = 0;
  for (const [path, text, expected] of writes) {
    root = writeFile(into, root, { path, bytes: utf8(text) }).root;
    assert.match(root, expected, path);
    if (path === "data.json") seeded = root;
    count++;
  }
  assert.equal(count, 4);
  assert.ok(seeded !== undefined);
  assert.deepEqual(listTree(into, seeded, { scope: "subtree", limit: 200 }).entries.map(({ path }) => path), ["README.txt", "data.json", "seed", "seed/alpha.txt"]);
  const type = writeFile(into, treeOf(into, { "index.html": "<p>" }, root), { path: "meta/content-type.txt", bytes: utf8("text/html; charset=utf-8") });
  const final = setAnnotations(into, type.root, { path: "index.html", patch: new Map([["http.content-type", type.blob]]) }).root;
  assert.deepEqual(diffTrees(into, { before: seeded, after: final }).map(({ path }) => path), ["README.txt", "index.html", "meta", "meta/content-type.txt"]);
});

test("tree: what was written: read, whole and in ranges; everything needed is in what was added", () => {
  const into = store();
  const root = treeOf(into, { "a/b/c.txt": "0123456789", "a/d": "x" });
  const from = stagedStore((hash) => into.added.get(hash));
  const text = (range?: { start: number; end: number }): string => Buffer.from(readFile(from, root, { path: "a/b/c.txt", ...(range && { range }) })).toString();
  assert.equal(text(), "0123456789");
  assert.equal(text({ start: 2, end: 5 }), "234");
  assert.equal(text({ start: 10, end: 10 }), "");
  assert.equal(from.added.size, 0, "reading puts nothing");
  for (const [start, end] of [[5, 4], [0, 11], [-1, 2], [0.5, 2]] as const) refused(() => text({ start, end }), "tree.range", /a\/b\/c\.txt/);
  refused(() => readFile(from, root, { path: "a/x" }), "tree.not_found");
  refused(() => readFile(from, root, { path: "a/b" }), "tree.not_file");
  refused(() => readFile(store(), root, { path: "a/d" }), "tree.missing");
});

test("tree: writing: modes and annotations of a file stay, directories are made, a directory is never overwritten", () => {
  const into = store();
  const first = writeFile(into, EMPTY_TREE_HASH, { path: "bin/run", bytes: utf8("1"), mode: 0o755 }).root;
  const noted = setAnnotations(into, first, { path: "bin/run", patch: new Map([["k", K]]) }).root;
  const again = writeFile(into, noted, { path: "bin/run", bytes: utf8("22") }).root;
  const entry = findEntry(into, again, "bin/run");
  assert.deepEqual([entry?.mode, entry?.size], [0o755, 2]);
  assert.deepEqual(getAnnotations(into, again, "bin/run"), new Map([["k", K]]));
  assert.equal(findEntry(into, writeFile(into, again, { path: "bin/run", bytes: utf8("22"), mode: 0o644 }).root, "bin/run")?.mode, 0o644);
  refused(() => writeFile(into, again, { path: "bin", bytes: utf8("") }), "tree.is_directory", /path is a directory/);
  refused(() => writeFile(into, again, { path: "bin/run/x", bytes: utf8("") }), "tree.not_directory");
  refused(() => writeFile(into, again, { path: "bin/x", bytes: utf8(""), mode: 0o777 }), "tree.mode", /777/);
  assert.equal(writeFile(into, again, { path: "bin/run", bytes: utf8("22") }).root, again, "the same again: the same root");
});

test("tree: removing: files and empty directories; emptied parents stay", () => {
  const into = store();
  const root = treeOf(into, { "a/b": "1", c: "2" });
  refused(() => removeEntry(into, root, "a"), "tree.not_empty", /directory not empty/);
  refused(() => removeEntry(into, root, "x"), "tree.not_found", /path not found/);
  refused(() => removeEntry(into, root, "x/y"), "tree.not_found");
  refused(() => removeEntry(into, root, "c/y"), "tree.not_directory");
  const emptied = removeEntry(into, root, "a/b");
  assert.deepEqual(listTree(into, emptied, { scope: "subtree" }).entries.map(({ path }) => path), ["a", "c"]);
  assert.equal(removeEntry(into, removeEntry(into, emptied, "a"), "c"), EMPTY_TREE_HASH);
});

test("listTree: by path bytes, in pages, of a directory or all below it", () => {
  const into = store();
  const root = treeOf(into, { "a/b": "1", "a-b": "2", "a/c/d": "3", "a.txt": "4", z: "5" });
  const paths = (options: Parameters<typeof listTree>[2]): readonly string[] => listTree(into, root, options).entries.map(({ path }) => path);
  assert.deepEqual(paths({}), ["a", "a-b", "a.txt", "z"]);
  assert.deepEqual(paths({ path: "a" }), ["a/b", "a/c"]);
  const all = ["a", "a-b", "a.txt", "a/b", "a/c", "a/c/d", "z"];
  assert.deepEqual(paths({ scope: "subtree" }), all);
  assert.deepEqual(paths({ scope: "subtree", cursor: "a/b" }), all.slice(4));
  assert.deepEqual(paths({ scope: "subtree", cursor: "a/bb" }), all.slice(4));
  let limits = 0;
  for (const limit of [1, 2, 3, 6, 7, 8]) {
    const pages: string[] = [];
    let cursor: string | undefined;
    do {
      const page = listTree(into, root, { scope: "subtree", limit, ...(cursor !== undefined && { cursor }) });
      assert.ok(page.entries.length <= limit);
      pages.push(...page.entries.map(({ path }) => path));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    assert.deepEqual(pages, all);
    limits++;
  }
  assert.equal(limits, 6);
  refused(() => paths({ path: "a/x" }), "tree.not_found", /missing path segment/);
  refused(() => paths({ path: "z" }), "tree.not_directory", /path is not a directory/);
  refused(() => paths({ limit: -1 }), "tree.limit");
});

test("diffTrees: came, went, changed, and a mode alone", () => {
  const into = store();
  const before = treeOf(into, { "a/b": "1", "c/d": "2", e: "3", f: "4" });
  const moded = writeFile(into, before, { path: "e", bytes: utf8("3"), mode: 0o755 }).root;
  assert.deepEqual(diffTrees(into, { before, after: moded }), [{ path: "e", kind: "file", oldHash: hashBytes(utf8("3")), newHash: hashBytes(utf8("3")), oldMode: 0o644, newMode: 0o755 }]);
  const after = removeEntry(into, removeEntry(into, treeOf(into, { "a/b": "x", "n/m": "5", "f2": "6" }, moded), "c/d"), "c");
  assert.deepEqual(diffTrees(into, { before, after }).map(({ path, kind, oldHash, newHash }) => `${path} ${kind}${oldHash === undefined ? " new" : ""}${newHash === undefined ? " gone" : ""}`), [
    "a dir", "a/b file", "c dir gone", "c/d file gone", "e file", "f2 file new", "n dir new", "n/m file new",
  ]);
  const swapped = writeFile(into, removeEntry(into, removeEntry(into, before, "a/b"), "a"), { path: "a", bytes: utf8("now a file") }).root;
  assert.deepEqual(diffTrees(into, { before, after: swapped }).map(({ path, kind }) => `${path} ${kind}`), ["a file", "a/b file"]);
  assert.deepEqual(diffTrees(into, { before, after: before }), []);
});

test("diffTrees: a prefix: a file alone, a directory's content, nothing on either side", () => {
  const into = store();
  const before = treeOf(into, { "a/b": "1", c: "2" });
  const after = treeOf(into, { "a/b": "9", "a/n": "3", c: "4", "d/e": "5" }, before);
  const paths = (prefix: string, from: Hash = before, to: Hash = after): readonly string[] => diffTrees(into, { before: from, after: to }, { prefix }).map(({ path }) => path);
  assert.deepEqual(paths("a"), ["a/b", "a/n"]);
  assert.deepEqual(paths("c"), ["c"]);
  assert.deepEqual(paths("d"), ["d/e"]);
  assert.deepEqual(paths("d", after, before), ["d/e"]);
  assert.deepEqual(paths("a/n"), ["a/n"]);
  assert.deepEqual(paths("a", after, after), []);
  refused(() => paths("x"), "tree.not_found");
});

test("diffTrees: random changes: the sides told apart; the way back is the mirror", () => {
  const random = seeded(5);
  const names = ["a", "b", "c/a", "c/b", "c/d/e", "f-g", "f/g"];
  const into = store();
  let [before, count, changed] = [EMPTY_TREE_HASH, 0, 0];
  for (let step = 0; step < 200; step++) {
    let after = before;
    for (let edit = random.below(3); edit >= 0; edit--) {
      const path = random.pick(names);
      const entry = findEntry(into, after, path);
      after = entry?.kind === "file" && random.below(3) === 0 ? removeEntry(into, after, path) : writeFile(into, after, { path, bytes: utf8(String(random.below(3))), mode: random.pick([0o644, 0o755]) }).root;
    }
    const files = (root: Hash): ReadonlyMap<string, string> => new Map(listTree(into, root, { scope: "subtree" }).entries.map(({ path, kind, hash, mode }) => [path, `${kind} ${hash} ${mode}`]));
    const [old, now] = [files(before), files(after)];
    const expected = [...new Set([...old.keys(), ...now.keys()])].filter((path) => old.get(path) !== now.get(path)).sort(compareText);
    const there = diffTrees(into, { before, after });
    assert.deepEqual(there.map(({ path }) => path), expected);
    assert.deepEqual(diffTrees(into, { before: after, after: before }).map(({ path, oldHash, newHash }) => [path, oldHash, newHash]), there.map(({ path, oldHash, newHash }) => [path, newHash, oldHash]));
    before = after;
    count++;
    changed += expected.length > 0 ? 1 : 0;
  }
  assert.equal(count, 200);
  assert.ok(changed > 100);
});

test("annotations: of the root, a directory and a file; null deletes, the empty map stays", () => {
  const into = store();
  const root = treeOf(into, { "a/b": "1" });
  let count = 0;
  for (const path of [undefined, "a", "a/b"]) {
    const at = path === undefined ? {} : { path };
    assert.equal(getAnnotations(into, root, path), undefined);
    const one = setAnnotations(into, root, { ...at, patch: new Map([["x", K], ["y", EMPTY_TREE_HASH]]) });
    assert.deepEqual(getAnnotations(into, one.root, path), new Map([["x", K], ["y", EMPTY_TREE_HASH]]));
    const two = setAnnotations(into, one.root, { ...at, patch: new Map<string, Hash | null>([["x", null], ["none", null]]) });
    assert.deepEqual(getAnnotations(into, two.root, path), new Map([["y", EMPTY_TREE_HASH]]));
    const none = setAnnotations(into, two.root, { ...at, patch: new Map([["y", null]]) });
    assert.deepEqual(getAnnotations(into, none.root, path), new Map());
    assert.notEqual(none.root, root);
    assert.ok(diffTrees(into, { before: root, after: none.root }).length === (path === undefined ? 0 : path.split("/").length));
    count++;
  }
  assert.equal(count, 3);
  refused(() => getAnnotations(into, root, "x"), "tree.not_found");
  refused(() => setAnnotations(into, root, { path: "x", patch: new Map() }), "tree.not_found");
  refused(() => setAnnotations(into, root, { path: "x/y", patch: new Map() }), "tree.not_found");
});

test("names and paths: what is one and what is not", () => {
  const good = ["a", "A.b_c~d-e", "...", "0", "~x"];
  const bad = ["", ".", "..", "a b", "é", "a/b", "a\\b", "a\0"];
  for (const name of good) assert.ok(isSegment(name) && parseWorkspaceName(name) === name, name);
  for (const name of bad) {
    assert.ok(!isSegment(name), name);
    refused(() => parseWorkspaceName(name), "tree.workspace_name", /invalid workspace name/);
  }
  assert.deepEqual([parsePath(undefined), parsePath("a"), parsePath("a/b/c")], [[], ["a"], ["a", "b", "c"]]);
  for (const path of ["", "/", "/a", "a/", "a//b"]) refused(() => parsePath(path), "tree.path", /invalid path$/);
  for (const path of [".", "a/..", "a/b c"]) refused(() => parsePath(path), "tree.path", /invalid path segment/);
  assert.equal(good.length + bad.length, 13);
});

const FILE = { name: "a", kind: "file", hash: K, size: 1, mode: 0o644 };
const BROKEN: readonly (readonly [string, Encodable])[] = [
  ["a list", []],
  ["no entries", {}],
  ["entries that are a map", { entries: {} }],
  ["an entry that is text", { entries: ["a"] }],
  ["an unknown field", { entries: [], note: 1 }],
  ["an unknown field of an entry", { entries: [{ ...FILE, note: 1 }] }],
  ["a name with a slash", { entries: [{ ...FILE, name: "a/b" }] }],
  ["the parent", { entries: [{ ...FILE, name: ".." }] }],
  ["no name", { entries: [{ ...FILE, name: undefined }] }],
  ["a link", { entries: [{ ...FILE, kind: "link" }] }],
  ["a hash in capitals", { entries: [{ ...FILE, hash: K.replaceAll("1", "A") }] }],
  ["a size below zero", { entries: [{ ...FILE, size: -1 }] }],
  ["a mode of 600", { entries: [{ ...FILE, mode: 0o600 }] }],
  ["a directory of 644", { entries: [{ ...FILE, kind: "dir", size: 0 }] }],
  ["a directory with a size", { entries: [{ ...FILE, kind: "dir", mode: 0o755 }] }],
  ["a directory with annotations beside it", { entries: [{ ...FILE, kind: "dir", size: 0, mode: 0o755, annotations_hash: K }] }],
  ["annotations that are no hash", { entries: [], annotations_hash: "x" }],
  ["names out of order", { entries: [{ ...FILE, name: "b" }, FILE] }],
  ["a name twice", { entries: [FILE, FILE] }],
];
test("decodeTree: nodes that break a rule: tree.node", () => {
  let count = 0;
  for (const [situation, value] of BROKEN) {
    refused(() => decodeTree(canonical(value)), "tree.node", new RegExp(situation === "" ? "x" : "workspace tree"));
    count++;
  }
  assert.equal(count, 19);
  refused(() => decodeTree(encodeTree({ entries: [] }).subarray(3)), "tree.node");
  refused(() => decodeTree(new Uint8Array([0xff])), "tree.node");
  refused(() => decodeAnnotations(canonical({ a: 1 })), "tree.node");
  refused(() => decodeAnnotations(canonical([K])), "tree.node");
  const tree: Tree = { entries: [{ name: "a", kind: "file", hash: K, size: 1, mode: 0o644, annotations_hash: K }], annotations_hash: K };
  assert.deepEqual(decodeTree(encodeTree(tree)), tree);
  assert.deepEqual(unhex(hex(encodeTree(decodeTree(encodeTree(tree))))), encodeTree(tree));
});
