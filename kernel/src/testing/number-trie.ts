// Tries of numbers, for tests of the trie itself.

import { hex, sha256, utf8 } from "../air/hash.ts";
import { emptyTrie, trieRoot, trieSet, type Trie } from "../core/trie.ts";

export function digest(value: number): Uint8Array {
  return sha256(utf8(String(value)));
}

export function rootOf(trie: Trie<number>): string {
  return hex(trieRoot(trie, digest));
}

export function built(entries: Iterable<readonly [string, number]>): Trie<number> {
  let trie = emptyTrie<number>();
  for (const [key, value] of entries) trie = trieSet(trie, key, value);
  return trie;
}
