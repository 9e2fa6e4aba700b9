// Tree operations are pure and ask for the nodes they need; here they get them from a blob store.

import { AosError } from "../air/error.ts";
import { stagedStore, type TreeStore } from "../air/tree-node.ts";
import type { Hash } from "../air/value.ts";
import type { Blobs } from "../ports.ts";

export type ReadBlobs = Pick<Blobs, "get">;

/**
 * Runs an operation over nodes that are read as it asks for them: it is begun again with each one it lacked, so it must do
 * nothing but read and put.
 *
 * @param held - nodes by hash; those it lacked are added
 */
export async function reading<T>(blobs: ReadBlobs, operation: (store: TreeStore) => T, held = new Map<Hash, Uint8Array>()): Promise<T> {
  for (;;) {
    const lacked: Hash[] = [];
    const store = stagedStore((hash) => {
      const bytes = held.get(hash);
      if (bytes === undefined) lacked.push(hash);
      return bytes;
    });
    try {
      return operation(store);
    } catch (error) {
      const [hash] = lacked;
      if (hash === undefined || !(error instanceof AosError && error.code === "tree.missing")) throw error;
      held.set(hash, await need(blobs, hash));
    }
  }
}

/** Runs an operation like `reading`, then stores what it put, children before parents. */
export async function changing<T>(blobs: Blobs, operation: (store: TreeStore) => T, held = new Map<Hash, Uint8Array>()): Promise<T> {
  let added: ReadonlyMap<Hash, Uint8Array> = new Map();
  const result = await reading(blobs, (store) => {
    const staged = stagedStore((hash) => store.get(hash));
    added = staged.added;
    return operation(staged);
  }, held);
  for (const bytes of added.values()) await blobs.put(bytes);
  return result;
}

/** The bytes of a blob that must be there. @throws AosError `tree.missing` (outside) */
export async function need(blobs: ReadBlobs, hash: Hash): Promise<Uint8Array> {
  const bytes = await blobs.get(hash);
  if (bytes === undefined) throw new AosError("tree.missing", `workspace: ${hash} is not in the store`, { class: "outside" });
  return bytes;
}
