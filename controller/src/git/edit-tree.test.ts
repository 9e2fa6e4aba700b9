import { test } from "node:test";
import assert from "node:assert/strict";
import { temporaryRepo } from "./fixture.ts";
import { EMPTY_TREE, editTree } from "./edit-tree.ts";
import type { PathChange } from "./edit-tree.ts";
import { blobObject } from "./objects.ts";
import type { Oid } from "./objects.ts";
import type { ObjectStore } from "./store.ts";

const write = (text: string): PathChange => ({ kind: "write", bytes: Buffer.from(text), mode: "100644" });
const remove: PathChange = { kind: "remove" };

async function apply(store: ObjectStore, base: Oid | null, changes: Readonly<Record<string, PathChange>>): Promise<Oid> {
  const { tree, objects } = await editTree(store, base, new Map(Object.entries(changes)));
  await (await store.writePack(objects)).release();
  return tree;
}

test("editTree: changes on a tree: the files that should be there, and no empty folders", async (t) => {
  const { store } = await temporaryRepo(t);
  const base = await apply(store, null, { "a/b/c": write("1"), "a/x": write("2"), z: write("3") });
  const rows: readonly (readonly [Readonly<Record<string, PathChange>>, readonly string[]])[] = [
    [{}, ["a/b/c", "a/x", "z"]],
    [{ "a/b/c": remove }, ["a/x", "z"]],
    [{ a: remove, "n/m": write("4") }, ["n/m", "z"]],
    [{ "a/b/c": remove, "a/x": remove, z: remove }, []],
    [{ "a/none/none": remove, none: remove }, ["a/b/c", "a/x", "z"]],
    [{ "a/b/d": write("5"), "a/b/c": remove }, ["a/b/d", "a/x", "z"]],
    [{ l: { kind: "link", oid: blobObject(Buffer.from("3")).oid, mode: "100755" } }, ["a/b/c", "a/x", "l", "z"]],
  ];
  for (const [changes, paths] of rows) {
    const tree = await apply(store, base, changes);
    assert.deepEqual((await store.listTree(tree, { depth: "all" })).map(({ path }) => path), paths);
  }
  assert.equal(rows.length, 7);
});

test("editTree: nothing changes: the same tree and no objects; nothing at all: the empty tree", async (t) => {
  const { store } = await temporaryRepo(t);
  const base = await apply(store, null, { "a/b": write("1") });
  assert.deepEqual(await editTree(store, base, new Map([["a/none", remove]])), { tree: base, objects: [] });
  assert.deepEqual(await editTree(store, null, new Map()), { tree: EMPTY_TREE.oid, objects: [EMPTY_TREE] });
  assert.equal((await editTree(store, base, new Map([["a/b", write("1")]]))).tree, base);
});

test("editTree: a file over a folder, a path through a file, both at once: git.path", async (t) => {
  const { store } = await temporaryRepo(t);
  const base = await apply(store, null, { "a/b": write("1"), z: write("2") });
  const rows: readonly Readonly<Record<string, PathChange>>[] = [{ a: write("x") }, { "z/y": write("x") }, { n: write("x"), "n/m": write("y") }, { z: remove, "z/y": write("x") }, { "a/../b": write("x") }];
  for (const changes of rows) await assert.rejects(apply(store, base, changes), { code: "git.path" });
  assert.equal(rows.length, 5);
});
