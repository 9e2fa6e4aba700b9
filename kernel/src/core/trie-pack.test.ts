import { test } from "node:test";
import assert from "node:assert/strict";
import { hex } from "../air/hash.ts";
import { built, digest, rootOf } from "../testing/number-trie.ts";
import { seeded, shuffled } from "../testing/random-air.ts";
import { packTrie, settleTrie } from "./trie-pack.ts";
import {
  emptyTrie, loaded, sizeOf, trieDelete, trieEntries, trieGet, trieGroup, trieSet, trieSize, type Branch, type Leaf, type Node, type NodeSource, type Place, type Stub,
  type Trie,
} from "./trie.ts";

/** Nodes in an array, a file for each pack; loads are counted. */
function shelf(): {
  readonly source: NodeSource<number>;
  readonly counts: { loads: number; writes: number };
  pack(trie: Trie<number>, base: Stub<number> | undefined, file: number): Stub<number>;
} {
  const nodes: (Leaf<number> | Branch<number>)[] = [];
  const counts = { loads: 0, writes: 0 };
  const source: NodeSource<number> = {
    load(stub) {
      counts.loads++;
      const node = nodes[stub.at.offset];
      assert.ok(node !== undefined && sizeOf(node) === stub.size);
      return node;
    },
  };
  return {
    source, counts,
    pack(trie, base, file) {
      const write = (node: Leaf<number> | Branch<number>): Place => {
        counts.writes++;
        if (node.kind === "branch") for (const child of node.children) assert.ok(child === undefined || child.kind === "stub");
        nodes.push(node.kind === "leaf" ? { kind: "leaf", path: node.path, key: node.key, value: node.value } : { kind: "branch", size: node.size, children: node.children });
        return { file, offset: nodes.length - 1, bytes: 1 };
      };
      const work = packTrie(trie.node as Node<number>, base, { digest, write, source });
      for (;;) {
        const { done, value } = work.next();
        if (done === true) return value;
      }
    },
  };
}

const everywhere = (): boolean => true;

for (const seed of [21, 22, 23]) {
  test(`trie: packed, settled and changed, again and again (seed ${seed}): same entries and root as one that stayed in memory`, () => {
    const random = seeded(seed);
    const store = shelf();
    const keys = Array.from({ length: 300 }, (_, index) => (index % 3 === 0 ? `key${index}` : `group${index % 4} ${index}`));
    let plain = emptyTrie<number>();
    let trie = emptyTrie<number>();
    let root: Stub<number> | undefined;
    let full = 0;
    for (let round = 0; round < 40; round++) {
      const before = trie;
      for (let step = 0; step < 30; step++) {
        const key = random.pick(keys);
        const value = random.below(3);
        const change = (one: Trie<number>): Trie<number> => (value === 0 ? trieDelete(one, key) : trieSet(one, key, value));
        [plain, trie] = [change(plain), change(trie)];
        assert.equal(trieGet(trie, key), trieGet(plain, key));
      }
      if (trie.node === undefined) continue;
      // A snapshot of `trie`, turns while it is written, and then the swap; now and then a full one that leaves the others behind.
      const anew = round % 7 === 6;
      if (anew) full++;
      root = store.pack(trie, anew ? undefined : root, round);
      for (let step = 0; step < 10; step++) {
        const key = random.pick(keys);
        [plain, trie] = [trieSet(plain, key, 9), trieSet(trie, key, 9)];
        if (step % 3 === 0) [plain, trie] = [trieDelete(plain, keys[step] as string), trieDelete(trie, keys[step] as string)];
      }
      trie = settleTrie(trie, { source: store.source, stays: anew ? (file) => file === round : everywhere, root: anew ? root : undefined });
      if (anew) assert.ok(stubsOf(trie.node, round) > 0, "most of it is in the store");
      assert.equal(rootOf(trie), rootOf(plain));
      assert.deepEqual([...trieEntries(trie)], [...trieEntries(plain)]);
      assert.equal(trieSize(before), [...trieEntries(before)].length);
    }
    assert.equal(full, 5);
  });
}

/** Counts the stubs in memory, each of which is of this file. */
function stubsOf(node: Node<number> | undefined, file: number): number {
  if (node?.kind === "stub") assert.equal(node.at.file, file);
  if (node?.kind === "branch") return node.children.reduce((sum, child) => sum + stubsOf(child, file), 0);
  return node?.kind === "stub" ? 1 : 0;
}

test("trie: what a pack writes: follows from the content and its base, not from what is in memory", () => {
  const random = seeded(31);
  const keys = Array.from({ length: 200 }, (_, index) => `k ${index}`);
  const [a, b] = [shelf(), shelf()];
  const start = built(keys.map((key) => [key, 1]));
  const [rootA, rootB] = [a.pack(start, undefined, 0), b.pack(start, undefined, 0)];
  // One goes on from stubs, the other in memory and through a value that it takes back.
  let one: Trie<number> = { node: rootA };
  let other = start;
  for (const key of shuffled(keys, random).slice(0, 20)) {
    one = trieSet(one, key, 2);
    other = trieSet(trieDelete(trieSet(other, key, 7), key), key, 2);
  }
  other = trieSet(trieSet(other, keys[0] as string, 5), keys[0] as string, trieGet(one, keys[0] as string) ?? 0);
  const [beforeA, beforeB] = [a.counts.writes, b.counts.writes];
  const [newA, newB] = [a.pack(one, rootA, 1), b.pack(other, rootB, 1)];
  assert.equal(hex(newA.digest), hex(newB.digest));
  assert.deepEqual(newA.at, newB.at);
  assert.equal(a.counts.writes - beforeA, b.counts.writes - beforeB);
  assert.ok(a.counts.writes - beforeA < 80, `${a.counts.writes - beforeA} nodes for 20 entries`);
});

test("trie: a get, a set and a delete among many stubs: load the nodes on the way and no more", () => {
  const store = shelf();
  const root = store.pack(built(Array.from({ length: 5000 }, (_, index) => [`key${index}`, index])), undefined, 0);
  const rows: readonly (readonly [string, (trie: Trie<number>) => unknown])[] = [
    ["get", (trie) => assert.equal(trieGet(trie, "key77"), 77)],
    ["set", (trie) => assert.equal(trieSize(trieSet(trie, "key77", 0)), 5000)],
    ["set anew", (trie) => assert.equal(trieSize(trieSet(trie, "other", 0)), 5001)],
    ["delete", (trie) => assert.equal(trieSize(trieDelete(trie, "key77")), 4999)],
    ["delete of nothing", (trie) => assert.equal(trieSize(trieDelete(trie, "other")), 5000)],
    ["size and root", (trie) => assert.ok(trieSize(trie) === 5000 && rootOf(trie) === hex(root.digest))],
  ];
  assert.equal(rows.length, 6);
  for (const [what, act] of rows) {
    store.counts.loads = 0;
    act({ node: root });
    assert.ok(store.counts.loads <= 7, `${what}: ${store.counts.loads} loads`);
  }
  store.counts.loads = 0;
  const changed = trieSet({ node: root }, "key77", 0);
  rootOf(changed);
  assert.ok(store.counts.loads <= 7, "a root after a change loads nothing more");
  assert.equal(loaded(root).kind, "branch");
});

test("trie: a group: its entries alone, page by page from any path, whatever comes and goes between two pages", () => {
  const store = shelf();
  const entries = Array.from({ length: 900 }, (_, index) => [`group${index % 3} ${index}`, index] as const);
  const whole = built([...entries, ["group1", -1], ["group10 x", -2]]);
  const expected = new Set([...entries.filter(([key]) => key.startsWith("group1 ")).map(([key]) => key), "group1"]);
  for (const trie of [whole, { node: store.pack(whole, undefined, 0) }]) {
    assert.deepEqual(new Set([...trieGroup(trie, "group1")].map(([, key]) => key)), expected);
    assert.deepEqual([...trieGroup(trie, "nothing")], []);
    const seen: string[] = [];
    let rest: Trie<number> = trie;
    let after: Uint8Array | undefined;
    for (let page = 0; page < 100; page++) {
      const found = [...trieGroup(rest, "group1", after)].slice(0, 7);
      if (found.length === 0) break;
      seen.push(...found.map(([, key]) => key));
      after = found.at(-1)?.[0];
      // The entry of the cursor goes, and so does one that was shown.
      for (const [, key] of [found[0], found.at(-1)].flatMap((one) => (one === undefined ? [] : [one]))) rest = trieDelete(rest, key);
    }
    assert.equal(seen.length, expected.size);
    assert.deepEqual(new Set(seen), expected);
  }
  store.counts.loads = 0;
  const [first] = trieGroup({ node: store.pack(whole, undefined, 1) }, "group2");
  assert.ok(first !== undefined && store.counts.loads <= 10, `${store.counts.loads} loads for the first of a group`);
});
