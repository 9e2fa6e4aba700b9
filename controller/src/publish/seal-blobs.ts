// The blobs that a seal brings beside its records: those that no seal has brought yet, and none that is a secret in clear.

import type { Blobs, Hash, JournalRecord } from "@agentos/kernel";
import type { StoredBlob } from "../git/notes.ts";
import { blobObject, type Oid } from "../git/objects.ts";
import type { ObjectStore, WrittenPack } from "../git/store.ts";
import { mentionedBlobs, modulesOf, withheldBlobs } from "./mentions.ts";
import { publishedBlobs, type PublishedBlobs } from "./published.ts";
import { isTreeNode } from "./tree-blobs.ts";
import type { Withheld } from "./withheld.ts";

/** What one seal brings. */
interface Brought {
  /** In memory, or written already where they are many. */
  readonly blobs: ReadonlyMap<Hash, Uint8Array | StoredBlob>;
  /** To be called once a ref points to them, or when none will. */
  release(): Promise<void>;
}
interface SealBlobs {
  /** The blobs that these records speak of, that the store holds and that no seal has brought. */
  bring(records: readonly JournalRecord[]): Promise<Brought>;
  /** Tells that a seal with these stands: the next one leaves them out. */
  sealed(brought: Brought): void;
}
interface SealBlobsOptions {
  /** The last seal; undefined when there is none. */
  readonly tip: Oid | undefined;
  /** Blobs are written ahead of their seal once so many bytes of them are in memory. */
  readonly bytesMax: number;
  readonly withheld: Withheld;
}

export function sealBlobs(store: ObjectStore, blobs: Blobs, { tip, bytesMax, withheld }: SealBlobsOptions): SealBlobs {
  /** What seals brought before this opening; listed when a record first speaks of a blob. */
  let already: PublishedBlobs | undefined;
  const published = new Set<Hash>();

  async function isPublished(hash: Hash): Promise<boolean> {
    if (published.has(hash)) return true;
    if (tip === undefined) return false;
    already ??= await publishedBlobs(store, tip);
    return already.has(hash);
  }

  /** What a control plane needs is never a secret, whatever the vault is given: without it nobody could replay. */
  async function neededBy(records: readonly JournalRecord[]): Promise<ReadonlySet<Hash>> {
    const found = new Set<Hash>();
    for (const record of records) {
      if (record.kind !== "applied") continue;
      const bundle = await blobs.get(record.bundle);
      for (const hash of [record.bundle, ...(bundle === undefined ? [] : modulesOf(bundle))]) found.add(hash);
    }
    return found;
  }

  return {
    async bring(records) {
      for (const record of records) await withheld.add(await withheldBlobs(record, (bundle) => blobs.get(bundle)));
      const needed = await neededBy(records);
      const group = blobGroup(store, bytesMax);
      const fresh = async (hash: Hash): Promise<Uint8Array | undefined> => {
        if (group.blobs.has(hash) || (await isPublished(hash))) return undefined;
        const bytes = await blobs.get(hash);
        // A node of a workspace tree names files: it holds nothing that is secret.
        return bytes === undefined || (withheld.has(hash) && !needed.has(hash) && !isTreeNode(bytes)) ? undefined : bytes;
      };
      try {
        for (const record of records) {
          for (const hash of await mentionedBlobs(record, fresh)) {
            const bytes = await fresh(hash);
            if (bytes !== undefined) await group.add(hash, bytes);
          }
        }
      } catch (error) {
        await group.release();
        throw error;
      }
      return group;
    },
    sealed(brought) {
      for (const hash of brought.blobs.keys()) published.add(hash);
    },
  };
}

/** Blobs that are held in memory up to a number of bytes, then written as a pack. */
function blobGroup(store: ObjectStore, bytesMax: number): Brought & { add(hash: Hash, bytes: Uint8Array): Promise<void> } {
  const blobs = new Map<Hash, Uint8Array | StoredBlob>();
  const packs: WrittenPack[] = [];
  let inMemory = new Map<Hash, Uint8Array>();
  let size = 0;
  return {
    blobs,
    async add(hash, bytes) {
      blobs.set(hash, bytes);
      inMemory.set(hash, bytes);
      size += bytes.length;
      if (size < bytesMax) return;
      const objects = [...inMemory].map(([of, content]) => ({ of, object: blobObject(content) }));
      packs.push(await store.writePack(objects.map(({ object }) => object)));
      for (const { of, object } of objects) blobs.set(of, { oid: object.oid });
      [inMemory, size] = [new Map(), 0];
    },
    async release() {
      for (const pack of packs.splice(0)) await pack.release();
    },
  };
}
