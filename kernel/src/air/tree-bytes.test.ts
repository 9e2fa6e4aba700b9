import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonical } from "./cbor.ts";
import { AosError } from "./error.ts";
import { hashBytes, utf8 } from "./hash.ts";
import { readTreeBytes, writeTreeBytes } from "./tree-bytes.ts";
import { decodeTree, encodeTree, type Tree, type TreeEntry } from "./tree-node.ts";

const hash = fc.uint8Array({ maxLength: 4 }).map(hashBytes);
const maybe = fc.option(hash, { nil: undefined });
const name = fc.stringMatching(/^[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,300}$/);
const size = fc.oneof(fc.constantFrom(0, 23, 24, 255, 256, 0xffff, 0x1_0000, 0xffff_ffff, 2 ** 32, Number.MAX_SAFE_INTEGER), fc.nat());
const entry: fc.Arbitrary<TreeEntry> = fc.oneof(
  fc.record({ name, hash, size, mode: fc.constantFrom(0o644 as const, 0o755 as const), note: maybe }).map(({ note, ...file }) => ({ ...file, kind: "file" as const, ...(note === undefined ? {} : { annotations_hash: note }) })),
  fc.record({ name, hash }).map((dir) => ({ ...dir, kind: "dir" as const, size: 0, mode: 0o755 as const })),
);
const tree: fc.Arbitrary<Tree> = fc.record({ entries: fc.uniqueArray(entry, { selector: (one) => one.name, maxLength: 40 }), note: maybe }).map(({ entries, note }) => ({
  entries: entries.toSorted((a, b) => (a.name < b.name ? -1 : 1)), ...(note === undefined ? {} : { annotations_hash: note }),
}));

const plain = ({ entries, annotations_hash }: Tree): Uint8Array => canonical({ entries: entries.map((one) => ({ ...one })), annotations_hash });

test("tree bytes: any tree: the bytes that canonical writes, and the tree again", () => {
  let short = 0;
  fc.assert(fc.property(tree, (one) => {
    const bytes = plain(one);
    assert.deepEqual(encodeTree(one), bytes);
    assert.deepEqual(decodeTree(bytes), one);
    const small = one.entries.every((file) => file.size < 2 ** 32);
    assert.deepEqual([writeTreeBytes(one), readTreeBytes(bytes)], small ? [bytes, one] : [undefined, undefined]);
    if (small) short++;
  }), { numRuns: 300 });
  assert.ok(short > 100, `${short} without the general way`);
});

test("tree bytes: one byte otherwise, cut off or added: another tree's own bytes, or left to the general reader", () => {
  const sample = fc.sample(tree.filter(({ entries }) => entries.length > 0 && entries.length < 4 && entries.every((file) => file.size < 2 ** 32)), { numRuns: 12, seed: 7 });
  let left = 0;
  for (const one of sample) {
    const bytes = plain(one);
    const others = [...bytes.keys()].flatMap((at) => [1, 0x20, 0x80].map((bit) => bytes.map((byte, place) => (place === at ? byte ^ bit : byte))));
    for (const other of [...others, bytes.subarray(0, -1), new Uint8Array([...bytes, 0])]) {
      const read = readTreeBytes(other);
      if (read === undefined) left++;
      else assert.deepEqual(plain(read), other);
    }
  }
  assert.ok(left > 1_000, `${left} left`);
  assert.throws(() => decodeTree(utf8("no tree")), (error: unknown) => error instanceof AosError && error.code === "tree.node");
});

test("tree bytes: entries out of order, a directory with what a file has: left to the general reader, which refuses", () => {
  const at = hashBytes(utf8("x"));
  const file = (word: string): TreeEntry => ({ name: word, kind: "file", hash: at, size: 1, mode: 0o644 });
  const wrong: readonly Tree[] = [
    { entries: [file("b"), file("a")] }, { entries: [file("a"), file("a")] }, { entries: [{ ...file("."), size: 2 }] }, { entries: [{ ...file("a"), kind: "dir" }] },
    { entries: [{ ...file("a"), kind: "dir", size: 0, mode: 0o755, annotations_hash: at }] }, { entries: [file("a/b")] },
  ];
  for (const one of wrong) {
    assert.equal(readTreeBytes(plain(one)), undefined);
    assert.throws(() => decodeTree(plain(one)), { code: "tree.node" });
  }
  assert.equal(wrong.length, 6);
});
