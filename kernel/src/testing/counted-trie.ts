// A trie that counts how often it is looked into, for tests of what is not looked at.

import type { Trie } from "../core/trie.ts";

/** `reads` is the number of look-ups and walks that began at the trie's root. */
export function countedTrie<V>(inner: Trie<V>): { readonly trie: Trie<V>; readonly reads: () => number } {
  let reads = 0;
  const trie: Trie<V> = {
    get node() {
      reads++;
      return inner.node;
    },
  };
  return { trie, reads: () => reads };
}
