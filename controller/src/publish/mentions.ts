// The blobs that a record speaks of: what a seal brings along, and all that it may bring.

import { decode, isHash, type Hash, type JournalRecord, type Value } from "@agentos/kernel";

/**
 * Hashes that may name blobs: the bundle of a control plane with the modules it names, and every text of an effect's params
 * or answer that looks like a hash.
 *
 * @param read - the bytes of a bundle, undefined where there are none
 * @throws AosError `cbor.invalid` for bytes that are no value
 */
export async function mentionedBlobs(record: JournalRecord, read: (bundle: Hash) => Promise<Uint8Array | undefined>): Promise<readonly Hash[]> {
  switch (record.kind) {
    case "applied": {
      const bundle = await read(record.bundle);
      return [record.bundle, ...(bundle === undefined ? [] : hashesIn(decode(bundle)))];
    }
    case "receipt":
      return hashesIn(decode(record.payload));
    case "intent":
      return hashesIn(decode(record.params));
    default:
      return [];
  }
}

function hashesIn(value: Value): readonly Hash[] {
  if (typeof value === "string") return isHash(value) ? [value] : [];
  if (value instanceof Map) return [...(value as ReadonlyMap<Value, Value>).values()].flatMap(hashesIn);
  return Array.isArray(value) ? (value as readonly Value[]).flatMap(hashesIn) : [];
}
