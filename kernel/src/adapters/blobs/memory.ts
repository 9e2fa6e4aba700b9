// Blobs in memory, for tests and for worlds that are thrown away.

import type { Hash } from "../../air/value.ts";
import type { Blobs } from "../../ports.ts";
import { hashOf } from "./digest.ts";

/** Blobs that live as long as the object. It keeps copies: what is handed in or out can be changed without harm. */
export function memoryBlobs(): Blobs {
  const blobs = new Map<Hash, Uint8Array>();

  async function get(hash: Hash): Promise<Uint8Array | undefined> {
    const bytes = blobs.get(hash);
    return bytes === undefined ? undefined : new Uint8Array(bytes);
  }

  async function put(bytes: Uint8Array): Promise<Hash> {
    const hash = hashOf(bytes);
    if (!blobs.has(hash)) blobs.set(hash, new Uint8Array(bytes));
    return hash;
  }

  return { get, put };
}
