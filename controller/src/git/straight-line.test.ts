import assert from "node:assert/strict";
import { test } from "node:test";
import { IDENTITY, stockGit, T0, temporaryRepo, testKey } from "./fixture.ts";
import { blobObject, commitObject, parseOid, treeObject } from "./objects.ts";
import type { GitObject, Oid } from "./objects.ts";
import { mergeTree } from "./repo.ts";
import { straightLine } from "./straight-line.ts";

test("straight line: what git would list and merge, or nothing where git must look", async (t) => {
  const { repo, store, gitDir } = await temporaryRepo(t);
  const objects: GitObject[] = [];
  let time = T0;
  const commit = (files: Readonly<Record<string, string>>, ...parents: readonly Oid[]): Oid => {
    const blobs = Object.entries(files).map(([name, text]) => ({ name, blob: blobObject(Buffer.from(text)) }));
    const tree = treeObject(blobs.map(({ name, blob }) => ({ mode: "100644", name, oid: blob.oid })));
    const who = { ...IDENTITY, time: time++, tz: "+0000" };
    const made = commitObject({ tree: tree.oid, parents, author: who, committer: who, message: "x\n" }, testKey(1));
    objects.push(...blobs.map(({ blob }) => blob), tree, made);
    return made.oid;
  };
  const root = commit({ a: "1", "b.txt": "same\nsame\nsame\nsame\n" });
  const one = commit({ a: "2", "b.txt": "same\nsame\nsame\nsame\n" }, root);
  const two = commit({ a: "2", "moved.txt": "same\nsame\nsame\nsame\n" }, one);
  const back = commit({ a: "1", "b.txt": "same\nsame\nsame\nsame\n" }, two);
  const beside = commit({ a: "1", c: "3", "b.txt": "same\nsame\nsame\nsame\n" }, root);
  const joined = commit({ a: "2", c: "3", "b.txt": "same\nsame\nsame\nsame\n" }, one, beside);
  const alone = commit({ z: "1" });
  const hole = commit({ a: "4" }, parseOid("1".repeat(40)));
  let long = root;
  for (let count = 0; count < 64; count++) long = commit({ a: `${count}` }, long);
  const longer = commit({ a: "long" }, long);
  await (await store.writePack([...new Map(objects.map((object) => [object.oid, object])).values()])).release();

  const straight = [[root, root], [root, one], [root, two], [root, back], [one, back], [root, long]] as const;
  for (const [base, head] of straight) {
    const found = await straightLine(store, base, head);
    const listed = await stockGit(gitDir, "rev-list", "--topo-order", "--reverse", head, `^${base}`);
    assert.deepEqual(found, { commits: listed === "" ? [] : listed.split("\n"), tree: await mergeTree(repo, base, head) });
  }
  const others = { "base ahead": [two, one], beside: [one, beside], "a merge": [root, joined], "nothing in common": [root, alone], "a commit that is not there": [root, hole], "too long": [root, longer] } as const;
  for (const [name, [base, head]] of Object.entries(others)) assert.equal(await straightLine(store, base, head), undefined, name);
  assert.deepEqual([straight.length, Object.keys(others).length], [6, 6]);
});
