import assert from "node:assert/strict";
import { test } from "node:test";
import { hashBytes, memoryBlobs, trees, utf8 } from "@agentos/kernel";

test("workspace trees: 100,000 files in 100 folders: a listing reads each node once, a page only what it shows", async () => {
  const blobs = memoryBlobs();
  const hash = hashBytes(utf8(""));
  const edits = new Map(Array.from({ length: 100_000 }, (_, at) => [`d${String(Math.floor(at / 1_000)).padStart(3, "0")}/f${String(at % 1_000).padStart(4, "0")}`, { hash, size: 0 }] as const));
  const root = await trees.changeTree(blobs, trees.EMPTY_TREE_HASH, edits);
  let reads = 0;
  const counted: trees.ReadBlobs = { get: (one) => (reads++, blobs.get(one)) };
  const count = async (options: trees.WalkOptions, most = Number.POSITIVE_INFINITY): Promise<{ readonly entries: number; readonly reads: number }> => {
    reads = 0;
    let entries = 0;
    for await (const entry of trees.walkTree(counted, root, options)) if (entry.path !== "" && ++entries >= most) break;
    return { entries, reads };
  };
  assert.deepEqual(await count({ scope: "subtree" }), { entries: 100_100, reads: 101 });
  assert.deepEqual(await count({ path: "d042" }), { entries: 1_000, reads: 3 });
  assert.deepEqual(await count({ scope: "subtree", after: "d098/f0998" }, 3), { entries: 3, reads: 3 });
});
