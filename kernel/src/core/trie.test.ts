import { test } from "node:test";
import assert from "node:assert/strict";
import { hex, sha256, utf8 } from "../air/hash.ts";
import { built, digest, rootOf } from "../testing/number-trie.ts";
import { seeded, shuffled, type Random } from "../testing/random-air.ts";
import { emptyTrie, trieDelete, trieEntries, trieGet, trieSet, trieSize, type Trie } from "./trie.ts";

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

/** Checks a trie against what it should hold, and against one built of that in another order. */
function assertHolds(trie: Trie<number>, expected: ReadonlyMap<string, number>, keys: readonly string[], random: Random): void {
  assert.equal(trieSize(trie), expected.size);
  for (const key of keys) assert.equal(trieGet(trie, key), expected.get(key), key);
  assert.deepEqual(new Map(trieEntries(trie)), new Map(expected));
  const other = built(shuffled([...expected], random));
  assert.equal(rootOf(trie), rootOf(other));
  assert.deepEqual([...trieEntries(trie)], [...trieEntries(other)], "entries stand in the order of their paths");
}

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`trie: random inserts and deletes (seed ${seed}): root, entries and sizes as when rebuilt in another order (I7)`, () => {
    const random = seeded(seed);
    const keys = Array.from({ length: 8 * seed ** 2 }, (_, index) => `key ${index}`);
    const expected = new Map<string, number>();
    let trie = emptyTrie<number>();
    let deletes = 0;
    for (let step = 0; step < 600; step++) {
      const key = random.pick(keys);
      const value = random.below(5);
      // Waves of growth and of shrinking, so that branches fold back.
      const grows = step % 200 < 100 ? random.below(4) > 0 : random.below(4) === 0;
      if (grows) expected.set(key, value);
      else if (expected.delete(key)) deletes++;
      trie = grows ? trieSet(trie, key, value) : trieDelete(trie, key);
      if (step % 50 === 49) assertHolds(trie, expected, keys, random);
    }
    assert.ok(deletes > 50, `${deletes} deletes`);
    for (const key of shuffled(keys, random)) trie = trieDelete(trie, key);
    assert.equal(trie.node, undefined, "a trie from which all was deleted holds nothing at all");
    assert.equal(rootOf(trie), rootOf(emptyTrie()));
  });
}

test("trie: older versions: stay as they were, hashed before or after they were changed", () => {
  const random = seeded(11);
  const keys = Array.from({ length: 40 }, (_, index) => `k${index}`);
  const versions: { readonly trie: Trie<number>; readonly entries: readonly (readonly [string, number])[] }[] = [];
  let trie = emptyTrie<number>();
  for (let step = 0; step < 200; step++) {
    if (random.below(2) === 0) rootOf(trie);
    trie = random.below(3) === 0 ? trieDelete(trie, random.pick(keys)) : trieSet(trie, random.pick(keys), random.below(100));
    versions.push({ trie, entries: [...trieEntries(trie)] });
  }
  assert.equal(versions.length, 200);
  for (const { trie, entries } of versions) {
    assert.deepEqual([...trieEntries(trie)], entries);
    assert.equal(rootOf(trie), rootOf(built(entries)));
  }
});

test("trie: root: 32 zero bytes, a leaf's SHA-256(00, path, digest), a branch's SHA-256(01, sixteen children)", () => {
  const leaf = (key: string, value: number): Uint8Array => sha256(concat(Uint8Array.of(0), sha256(utf8(key)), digest(value)));
  const place = (key: string): number => (sha256(utf8(key))[0] as number) >> 4;
  assert.equal(rootOf(emptyTrie()), "00".repeat(32));
  assert.equal(rootOf(built([["a", 1]])), hex(leaf("a", 1)));
  assert.notEqual(place("a"), place("b"), "the two keys part at the first nibble");
  const children = Array.from({ length: 16 }, (_, index) => (index === place("a") ? leaf("a", 1) : index === place("b") ? leaf("b", 2) : new Uint8Array(32)));
  assert.equal(rootOf(built([["a", 1], ["b", 2]])), hex(sha256(concat(Uint8Array.of(1), ...children))));
});

test("trie: one value, key or entry more: another root", () => {
  const base = [["a", 1], ["b", 2], ["c", 3]] as const;
  const others = [[["a", 1], ["b", 2]], [["a", 1], ["b", 2], ["c", 4]], [["a", 1], ["b", 2], ["d", 3]], [["a", 2], ["b", 1], ["c", 3]], [...base, ["d", 3]]] as const;
  const roots = new Set([built(base), ...others.map((entries) => built(entries))].map(rootOf));
  assert.equal(roots.size, 1 + others.length);
});

test("trie: deleting an absent key, of an empty trie too: the same trie", () => {
  const trie = built([["a", 1], ["b", 2]]);
  assert.equal(trieDelete(trie, "c"), trie);
  assert.equal(trieDelete(emptyTrie<number>(), "c"), emptyTrie());
});

test("trie: undefined and empty text as keys and values: told apart", () => {
  const trie = trieSet(trieSet(emptyTrie<number | undefined>(), "", 1), "x", undefined);
  assert.equal(trieSize(trie), 2);
  assert.equal(trieGet(trie, ""), 1);
  assert.deepEqual(new Map(trieEntries(trie)), new Map<string, number | undefined>([["", 1], ["x", undefined]]));
});
